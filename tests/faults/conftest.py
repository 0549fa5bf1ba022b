"""The tiny workflow up to its long stages, copied for each fault."""

import pytest

from faults.running import BLOCKS, SCORES, copy_of, finished, templates
from workflow.project import Project


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Project:
    """A project with its dataset and templates, before the first long stage."""
    project = Project.tiny(tmp_path_factory.mktemp("prepared") / "first")
    return finished(project, BLOCKS, *templates(project))


@pytest.fixture(scope="session")
def undisturbed(prepared, tmp_path_factory) -> Project:
    """A project that came to its scores without a fault."""
    return finished(copy_of(prepared, tmp_path_factory.mktemp("undisturbed")), SCORES)


@pytest.fixture
def project(prepared, tmp_path) -> Project:
    """A copy of the prepared project for a test to break."""
    return copy_of(prepared, tmp_path)
