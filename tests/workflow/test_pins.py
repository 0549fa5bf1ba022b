"""Versions are written once and repeated where another tool needs them."""

import re
import tomllib

import yaml

from workflow.project import REPOSITORY


def pyproject_pins() -> tuple[list[str], list[str]]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [pin for extra in project["optional-dependencies"].values() for pin in extra]
    return project["dependencies"], extras


def test_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((REPOSITORY / "envs" / "memat.yaml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == pyproject_pins()[0]


def test_every_direct_dependency_is_pinned_exactly():
    for pin in [*pyproject_pins()[0], *pyproject_pins()[1]]:
        assert re.fullmatch(r"[A-Za-z0-9_-]+==[0-9][0-9a-z.]*", pin), pin


def test_constraints_agree_with_the_pins():
    lines = (REPOSITORY / "envs" / "constraints.txt").read_text().splitlines()
    recorded = {line.lower() for line in lines if not line.startswith("#")}
    assert not {pin.lower() for pins in pyproject_pins() for pin in pins} - recorded


def test_both_profiles_set_the_same_rerun_triggers():
    profiles = [
        yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    ]
    triggers = [profile["rerun-triggers"] for profile in profiles]
    assert triggers == [["mtime", "params", "input", "software-env"]] * 2
