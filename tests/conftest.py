"""Shared test set-up: the library on the path, no network, one thread per worker."""

import os
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, configuration, settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# `make test` runs these tests, and what a user types is no make inside another
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "workflow_scripts"), str(REPOSITORY / "tests")]

# the same cases on every machine and in every run, and no file of theirs in the repository
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))
settings.register_profile(
    "stable",
    derandomize=True,
    database=None,
    deadline=None,
    # a seed has no smaller one, and an explanation costs more than the whole test
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("stable")
