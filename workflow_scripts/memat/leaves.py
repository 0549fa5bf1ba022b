"""Leaves: alternatives of one kind, each one file of a package, found by its file name.

A solver, an architecture, an engine: nothing imports a leaf by name, so that a new one
is a new file and changes no other. A leaf states its names, labels and settings at its
head, which the plan reads before any job; it imports torch, and whatever else is slow to
import, inside its functions.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from memat.errors import ConfigError
from memat.suggest import allowed_values


def leaf_names(package: str) -> tuple[str, ...]:
    """Names of the leaves of a package ("memat.edit.solvers"), sorted; none is imported."""
    return tuple(sorted(_files(package)))


def leaf_path(package: str, name: str) -> Path:
    """The file of one leaf. Raises ConfigError naming the leaves there are."""
    files = _files(package)
    if name not in files:
        kind = package.rpartition(".")[2]
        raise ConfigError(f"{kind}: {allowed_values(name, sorted(files))}")
    return files[name]


def load_leaf(package: str, name: str) -> ModuleType:
    """The module of one leaf. Raises ConfigError naming the leaves there are."""
    leaf_path(package, name)
    return import_module(f"{package}.{name}")


def in_words(package: str, default: str | None = None) -> str:
    """`memit (least squares …; the default) | …`, the default first, from the first line of each
    leaf's docstring: "NAME: what it is (source)."
    """
    words = {}
    for name in sorted(leaf_names(package), key=lambda name: name != default):
        first_line = load_leaf(package, name).__doc__.splitlines()[0]
        what = first_line.partition(": ")[2].partition(" (")[0].rstrip(".")
        words[name] = what + ("; the default" if name == default else "")
    return " | ".join(f"{name} ({what})" for name, what in words.items())


def _files(package: str) -> dict[str, Path]:
    folders = [Path(folder) for folder in import_module(package).__path__]
    return {
        path.stem: path
        for folder in folders
        for path in folder.glob("*.py")
        if not path.stem.startswith("_")
    }
