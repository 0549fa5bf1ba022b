"""Versions are written once and repeated where another tool needs them."""

import re
import runpy
import tomllib

import pytest
import yaml
from packaging.version import Version

from workflow.project import REPOSITORY


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def pins() -> list[str]:
    """What `make install` installs."""
    script = runpy.run_path(str(REPOSITORY / "envs" / "pins.py"))
    return script["pins"](REPOSITORY / "pyproject.toml")


@pytest.mark.parametrize(
    ("name", "extras"), [("memat", ("workflow",)), ("general", ("workflow", "general"))]
)
def test_conda_environment_has_the_same_pins(name, extras):
    environment = yaml.safe_load((REPOSITORY / "envs" / f"{name}.yaml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    declared = project()["optional-dependencies"]
    assert pip == [pin for extra in extras for pin in declared[extra]]


def test_every_pin_is_exact():
    for pin in pins():
        assert re.fullmatch(r"[A-Za-z0-9_-]+==[0-9][0-9a-z.]*", pin), pin


def test_constraints_agree_with_the_pins():
    lines = (REPOSITORY / "envs" / "constraints.txt").read_text().splitlines()
    recorded = {line.lower() for line in lines if not line.startswith("#")}
    assert not {pin.lower() for pin in pins()} - recorded


def test_the_library_needs_nothing_that_the_workflow_does_not_pin():
    """Each lower bound is one that the pinned version of the workflow meets."""
    pinned = dict(pin.lower().split("==") for pin in pins())
    for line in project()["dependencies"]:
        name, bound = line.lower().split(">=")
        assert Version(pinned[name]) >= Version(bound), line


def test_both_profiles_set_the_same_rerun_triggers():
    profiles = [
        yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    ]
    triggers = [profile["rerun-triggers"] for profile in profiles]
    assert triggers == [["mtime", "params", "input", "software-env"]] * 2
