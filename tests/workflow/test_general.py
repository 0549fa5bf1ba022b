"""Target `general`: what it asks, and what it refuses before any work."""

from importlib.util import find_spec

import pytest

from memat.study.config import completed, config_faults
from memat.study.plan import plan_study
from memat.study.row_faults import general_faults
from workflow.project import merged_config

TINY = "configs/tiny.yaml"


def test_every_edited_model_is_exported_and_asked_beside_the_unedited_one(unstarted):
    outcome = unstarted.snakemake("--dry-run", "--configfile", TINY, "--", "general")
    if find_spec("lm_eval") is None:
        assert outcome.code != 0
        assert "general needs the package lm_eval" in outcome.text
        pytest.skip("lm_eval is not installed: make install")
    assert outcome.code == 0, outcome.text
    jobs = outcome.jobs
    assert {rule: count for rule, count in jobs.items() if "general" in rule} == {
        "general": 1,
        "evaluate_general": 4,
        "report_general": 1,
    }
    assert jobs["export_model"] == 3
    assert "summarise" not in jobs


def faults(**general):
    config = merged_config(TINY)
    config["general"] |= general
    if found := list(config_faults(config)):
        return found
    config = completed(config)
    return list(general_faults(config["general"], plan_study(config)))


def test_experiments_that_cannot_be_asked_are_named():
    assert not faults(experiments=["memit_ca"])
    (fault,) = faults(experiments=["memit_ca", "memit_cat"])
    assert fault.startswith("general.experiments: 'memit_cat' is unknown; allowed: unedited, ")
    assert "did you mean 'memit_ca'?" in fault
    for name in ("unedited", "in_context_ca"):
        (fault,) = faults(experiments=[name])
        assert fault.startswith(f"general.experiments: {name} changes no weight")


def test_a_folder_that_is_not_there_and_repeats_are_named():
    assert faults(include="nowhere") == ["general.include: no such folder: nowhere"]
    (fault,) = faults(tasks=["a", "a"])
    assert fault.startswith("general.tasks: must have no repeats")
