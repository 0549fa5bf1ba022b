"""The pins of pyproject.toml, one a line: of the workflow and its tests, or of the extras that are
named (--site, --compare); with --lock every installed version."""

import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

NOT_PINNED = {"pip", "setuptools", "wheel", "memat"}
EXTRAS = ("workflow", "general", "slurm", "test")  # what a checkout runs with


def pins(pyproject: Path, names: Sequence[str] = EXTRAS) -> list[str]:
    """The exact versions of some extras."""
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    return [pin for name in names for pin in extras[name]]


def installed() -> list[str]:
    """Versions in this environment, without local parts such as torch's `+cpu`."""
    found = {
        (d.metadata["Name"], d.version.split("+")[0])
        for d in distributions()
        if d.metadata["Name"] not in NOT_PINNED
    }
    return [f"{name}=={version}" for name, version in sorted(found, key=lambda f: f[0].lower())]


if __name__ == "__main__":
    if "--lock" in sys.argv[1:]:
        print("# Every installed version, transitive ones too; `make lock` rewrites it.")
        print("\n".join(installed()))
    else:
        named = [option.removeprefix("--") for option in sys.argv[1:]]
        print("\n".join(pins(Path(__file__).parents[1] / "pyproject.toml", named or EXTRAS)))
