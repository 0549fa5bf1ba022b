"""The pins of pyproject.toml, one a line: of the workflow and its tests, or of the extras that are
named (--site, --compare); with --lock every installed version, with --lowest the oldest versions
that the library allows, as a test of its bounds installs them."""

import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
NOT_PINNED = {"pip", "setuptools", "wheel", "memat"}
EXTRAS = ("workflow", "general", "slurm", "test")  # what a checkout runs with


def pins(pyproject: Path, names: Sequence[str] = EXTRAS) -> list[str]:
    """The exact versions of some extras."""
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    return [pin for name in names for pin in extras[name]]


def lowest(pyproject: Path) -> list[str]:
    """The library's lower bounds as exact versions, its adapter's too, with what its tests need.

    torch's is the workflow's: of older ones there is no build for processors alone everywhere.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["adapter"]]
    needed = ("torch", "pytest", "hypothesis")
    pinned = [pin for pin in pins(pyproject) if pin.split("==")[0] in needed]
    return pinned + [b.replace(">=", "==") for b in bounds if not b.startswith("torch>")]


def installed() -> list[str]:
    """Versions in this environment, without local parts such as torch's `+cpu`."""
    found = {
        (d.metadata["Name"], d.version.split("+")[0])
        for d in distributions()
        if d.metadata["Name"] not in NOT_PINNED
    }
    return [f"{name}=={version}" for name, version in sorted(found, key=lambda f: f[0].lower())]


if __name__ == "__main__":
    options = [option.removeprefix("--") for option in sys.argv[1:]]
    if options == ["lock"]:
        print("# Every installed version, transitive ones too; `make lock` rewrites it.")
        print("\n".join(installed()))
    elif options == ["lowest"]:
        print("\n".join(lowest(PYPROJECT)))
    else:
        print("\n".join(pins(PYPROJECT, options or EXTRAS)))
