"""One tiny run, shared by the tests that look at what a change reruns."""

import pytest

from workflow.project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project in which configs/tiny.yaml has run to the end."""
    project = Project.tiny(tmp_path_factory.mktemp("tiny"))
    outcome = project.snakemake("--configfile", "configs/tiny.yaml")
    assert outcome.code == 0, outcome.text
    return project


@pytest.fixture(scope="session")
def unstarted(tmp_path_factory) -> Project:
    """A project with the tiny models and facts, in which nothing has run."""
    return Project.tiny(tmp_path_factory.mktemp("unstarted"))
