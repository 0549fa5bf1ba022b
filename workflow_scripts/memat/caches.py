"""Caches of the libraries, kept in the project where the home folder cannot be written to."""

import os
from collections.abc import MutableMapping
from pathlib import Path

CACHES = {"HF_HOME": "huggingface", "MPLCONFIGDIR": "matplotlib", "XDG_CACHE_HOME": "other"}


def use_own_caches(folder: Path, environment: MutableMapping[str, str]) -> None:
    """Point each cache that the user has not placed to `folder`, unless home takes it."""
    home = os.path.expanduser("~")
    if os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK):
        return
    for variable, name in CACHES.items():
        environment.setdefault(variable, str(folder / name))
