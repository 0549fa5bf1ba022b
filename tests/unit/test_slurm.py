"""What SLURM and Snakemake print about ended jobs, and what we make of it.

`make test-slurm` meets the real thing without cgroups; their wordings are only here.
"""

from pathlib import Path

import pytest

from memat.slurm import causes

CONSOLE = """\
Job 0 has been submitted with SLURM jobid 3 (log: {log}).
Error in rule prepare_model:
    message: SLURM-job '3' failed, SLURM status is: '{status}'. Detailed failure reason \
unavailable (status command is not 'sacct').For further error details see the log
"""
POLLED = "slurmstepd-vm: error: StepId=3.0 exceeded memory limit (338322432 > 335544320)"
CGROUP = "slurmstepd: error: Detected 1 oom_kill event in StepId=3.batch. Some of the step tasks"
CGROUP_BEFORE_22 = "Some of your processes may have been killed by the cgroup out-of-memory handler"
CANCELLED = "slurmstepd-vm: error: *** STEP 3.0 ON vm CANCELLED AT 2026-01-01T00:00:00 ***"
OVER_TIME = CANCELLED.replace(" ***", " DUE TO TIME LIMIT ***")
ASKED = {"MinMemoryNode": "320M", "TimeLimit": "00:10:00"}


def told(folder: Path, text: str, status: str = "FAILED", rule="rule_prepare_model") -> str:
    """The line of a run with one failed job, whose SLURM log holds `text`."""
    log = folder / rule / "tiny" / "3.log"
    log.parent.mkdir(parents=True)
    log.write_text(text, encoding="utf-8")
    (line,) = causes(CONSOLE.format(log=log, status=status), lambda job: ASKED)
    assert str(log) in line
    return line


@pytest.mark.parametrize("text", [POLLED, CGROUP, CGROUP_BEFORE_22])
def test_memory_limit_is_told_apart_from_other_failures(tmp_path, text):
    # a killed step is also "cancelled": the memory must be named first
    line = told(tmp_path, f"{text}\n{CANCELLED}")
    assert "SLURM job 3 (prepare_model, FAILED): it needed more memory than its 320M" in line
    assert "`prepare_model: {mem_mb: …}` below set-resources" in line


def test_time_limit(tmp_path):
    assert "longer than its time limit of 00:10:00" in told(tmp_path, OVER_TIME, "TIMEOUT")


def test_cancelled_job(tmp_path):
    assert "it was cancelled (scancel)" in told(tmp_path, CANCELLED, "CANCELLED")


def test_own_error_is_not_blamed_on_slurm(tmp_path):
    line = told(tmp_path, "ConfigError: values.steps: must be at least 1")
    assert "memory" not in line
    assert "its own error" in line


def test_job_of_a_group_is_named_by_its_group(tmp_path):
    assert "(dataset_assign_blocks" in told(tmp_path, POLLED, rule="group_dataset_assign_blocks")


def test_job_that_slurm_has_forgotten_is_still_named(tmp_path):
    console = CONSOLE.format(log=tmp_path / "rule_score" / "3.log", status="TIMEOUT")
    (line,) = causes(console, lambda job: {})
    assert "SLURM job 3 (score, TIMEOUT): it ran longer than its time limit." in line


def test_run_without_slurm_has_nothing_to_tell():
    assert causes("Error in rule score:\n    message: None\n") == []
