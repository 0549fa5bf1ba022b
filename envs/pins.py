"""The pins of pyproject.toml, one a line; with --lock every installed version."""

import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

NOT_PINNED = {"pip", "setuptools", "wheel"}


def pins(pyproject: Path) -> list[str]:
    """Direct dependencies, those of the extras included."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(pin for extra in extras for pin in extra)]


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
        print("\n".join(pins(Path(__file__).parents[1] / "pyproject.toml")))
