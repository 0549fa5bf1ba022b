"""The workflow through a real SLURM: same results, a cancelled job, two limits exceeded.

`make test-slurm` runs it. The calls that mostly wait (for a time limit) run beside those
that compute. Everything a user is told is asserted as it stands in docs/cluster.md.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from slurm.cluster import GROUPS, Call, Cluster
from workflow.project import Outcome, Project

SLEEP = "import time\n\ntime.sleep(600)\n"
# of a job that only starts Snakemake twice, and of one that loads torch as well
TOO_LITTLE, ENOUGH = 320, 1000
# the node's GPU is none; both stages compute on the CPU
BOTH_WAYS_TO_A_GPU = ("solve_deltas:gpu=1", "fit_corrections:gres=gpu:1")
# what differs between two runs of the same thing: times, and where a run was
NOT_RESULTS = ("logs", "benchmarks")


class Runs(NamedTuple):
    """One cluster run in two calls, the same on this machine, and two with a limit exceeded."""

    folder: Path
    cancelled: Outcome
    finished: Outcome
    local: Path
    over_time: Outcome
    over_memory: Outcome


def shrink(project: Project) -> None:
    """Two experiments that between them need every stage."""
    path = project.folder / "configs" / "tiny.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    needed = ("unedited", "memat_ca_en")
    config["experiments"] = [e for e in config["experiments"] if e["name"] in needed]
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.fixture(scope="session")
def projects(tmp_path_factory) -> dict[str, Project]:
    """The same tiny world, once per run."""
    folder = tmp_path_factory.mktemp("slurm")
    first = Project.tiny(folder / "local")
    shrink(first)
    copies = {
        name: Project(shutil.copytree(first.folder, folder / name))
        for name in ("cluster", "over_time", "over_memory")
    }
    return {"local": first, **copies}


@pytest.fixture(scope="session")
def runs(cluster: Cluster, projects: dict[str, Project]) -> Iterator[Runs]:
    """All runs, those that wait beside those that compute."""
    project = projects["cluster"]
    options = ("--set-resources", *BOTH_WAYS_TO_A_GPU, "--groups", *GROUPS)
    with start_over_time(projects["over_time"]) as over_time:
        # without the profile's retries the cancelled job would not end the call
        with Call.start(project, "--retries", "0", *options) as first:
            job = first.until(lambda: cluster.running(project.folder, "optimise_values"))
            cluster.cancel(job)
            cancelled = first.finish()
        with (
            Call.start(project, *options) as second,
            start_over_memory(projects["over_memory"]) as over_memory,
        ):
            local = projects["local"].snakemake("--configfile", "configs/tiny.yaml")
            assert local.code == 0, local.text
            yield Runs(
                folder=project.folder,
                cancelled=cancelled,
                finished=second.finish(),
                local=projects["local"].folder,
                over_time=over_time.finish(),
                over_memory=over_memory.finish(),
            )


def start_over_time(project: Project) -> Call:
    """A stage that sleeps for ten minutes and is given one."""
    script = project.folder / "workflow_scripts" / "read_facts.py"
    script.write_text(SLEEP + script.read_text(encoding="utf-8"), encoding="utf-8")
    return Call.start(
        project,
        *("--retries", "0", "--set-resources", "read_facts:runtime=1"),
        *("--", "results-tiny/dataset/facts.parquet"),
    )


def start_over_memory(project: Project) -> Call:
    """A stage with too little memory at its first attempt and enough at its second."""
    return Call.start(
        project,
        "--set-resources",
        f"prepare_model:mem_mb={TOO_LITTLE} if attempt == 1 else {ENOUGH}",
        *("--", "resources/models/tiny-llama/manifest.json"),
    )


def results(folder: Path) -> dict[str, bytes]:
    """Every result file of a run, as it lies on disk."""
    root = folder / "results-tiny"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in NOT_RESULTS
    }


def test_every_stage_ran_as_a_job_of_slurm(cluster, runs):
    assert runs.finished.code == 0, runs.finished.text
    jobs = cluster.jobs(runs.folder)
    completed = [row["Comment"] for row in jobs if row["JobState"] == "COMPLETED"]
    # the names that the executor gives: a rule with its wildcards, a group with its rules
    for name in ("facts_", "model_", "dataset_", "optimise_values_", "heads_", "report_"):
        assert any(comment.startswith(f"rule_{name}") for comment in completed), name
    assert sum(comment.startswith("rule_score_") for comment in completed) == 2
    assert {row["Partition"] for row in jobs} == {"main"}
    # each with what its rule asks for
    values = next(row for row in jobs if "optimise_values" in row["Comment"])
    assert (values["MinMemoryNode"], values["TimeLimit"]) == ("1000M", "02:00:00")


def test_a_gpu_is_asked_for_once(cluster, runs):
    asked = {
        row["Comment"].removeprefix("rule_").partition("_")[0]: (
            row.get("TresPerJob"),
            row.get("TresPerNode"),
        )
        for row in cluster.jobs(runs.folder)
        if row.keys() & {"TresPerJob", "TresPerNode"}
    }
    assert asked == {"heads": ("gres:gpu:1", None), "fit": (None, "gres:gpu:1")}


def test_results_are_those_of_this_machine(runs):
    assert runs.finished.code == 0, runs.finished.text
    here, there = results(runs.local), results(runs.folder)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_cancelled_job_is_named_and_redone_alone(runs):
    assert runs.cancelled.code != 0
    assert "it was cancelled (scancel). Call Snakemake again to continue." in runs.cancelled.text
    assert "Values of memit-ca, block 0, shard" in runs.finished.text
    # what was finished stays: neither the dataset nor the model is made again
    for done in ("Facts of resources", "Model tiny-llama", "Translations cut into"):
        assert done not in runs.finished.text


def test_time_limit_is_named(runs):
    assert runs.over_time.code != 0
    assert "SLURM status is: 'TIMEOUT'" in runs.over_time.text
    assert "(read_facts, TIMEOUT): it ran longer than its time limit" in runs.over_time.text
    assert "of 00:01:00" in runs.over_time.text
    assert "`read_facts: {runtime: …}` below set-resources" in runs.over_time.text


def test_memory_limit_is_named_and_the_next_attempt_has_more(cluster, runs, projects):
    assert runs.over_memory.code == 0, runs.over_memory.text
    assert f"it needed more memory than its {TOO_LITTLE}M" in runs.over_memory.text
    assert "`prepare_model: {mem_mb: …}` below set-resources" in runs.over_memory.text
    asked = [row["MinMemoryNode"] for row in cluster.jobs(projects["over_memory"].folder)]
    assert asked == [f"{TOO_LITTLE}M", f"{ENOUGH}M"]


def test_report_of_a_cluster_run_is_complete(runs):
    project = Project(runs.folder)
    outcome = project.snakemake(
        "--configfile", "configs/tiny.yaml", "--report", "results-tiny/report.html"
    )
    assert outcome.code == 0, outcome.text
    text = (runs.folder / "results-tiny/report.html").read_text(encoding="utf-8")
    for name in ("summary.csv", "metrics.png", "losses.png", "optimise_values"):
        assert name in text
