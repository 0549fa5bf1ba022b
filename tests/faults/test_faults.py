"""What a user meets when something breaks outside the workflow, and how a run goes on.

docs/faults.md shows the messages that are asked for here.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from faults.running import CONFIG, SCORES, run
from memat.io import read_json
from tiny import COMPANIES
from workflow.project import MODEL_CACHE, Project

TEXT = "sample_text"  # rules without wildcards are targets
VALUES = [f"results-tiny/edits/memit-ca/block_0/values_{shard}.safetensors" for shard in (0, 1)]
ACTIVATIONS = "results-tiny/heads/memit-ca/en/block_0/activations_0.safetensors"
CORRECTIONS = "results-tiny/corrections/memit-ca_en_located-3/block_0.safetensors"
# rule → one of its logs, and the targets of the call that is killed in it
LONG_STAGES = {
    "sample_text": ("sample_text.log", [TEXT]),
    "estimate_covariance": ("estimate_covariance/0.log", ["add_moments"]),
    "optimise_values": ("optimise_values/memit-ca/block_0_0.log", VALUES),
    "dump_activations": ("dump_activations/memit-ca/en/block_0_0.log", [ACTIVATIONS]),
    "fit_corrections": ("fit_corrections/memit-ca_en_located-3/block_0.log", [CORRECTIONS]),
    "score": ("score/memit-ca_en_located-3/block_0_0.log", [SCORES]),
}
LONGEST = 300  # seconds a stage may take to begin on a busy machine


@contextmanager
def running(project: Project, log: str, *targets: str):
    """A workflow that has begun the stage with this log; killed on leaving, jobs too."""
    log = project.folder / "results-tiny" / "logs" / log
    log.unlink(missing_ok=True)
    with open(project.folder / "console.txt", "w", encoding="utf-8") as console:
        process = project.start(*CONFIG, "--", *targets, output=console)
    try:
        until = time.monotonic() + LONGEST
        while not log.exists():
            assert process.poll() is None, (project.folder / "console.txt").read_text()
            assert time.monotonic() < until, f"{log} never came"
            time.sleep(0.01)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_run_killed_in_every_long_stage_ends_with_the_same_results(project, undisturbed):
    left = planned(project)
    for stage, (log, targets) in LONG_STAGES.items():
        with running(project, log, *targets):
            pass  # kill -9 as soon as the stage has begun
        before, left = left, planned(project)
        # the killed stage is stated again, and nothing that was finished before
        assert stage in left
        assert all(count <= before[rule] for rule, count in left.items())
        # what --unlock does, without the seconds of a start
        shutil.rmtree(project.folder / ".snakemake" / "locks")
    assert left == {"score": 1}
    outcome = run(project, SCORES)
    assert outcome.code == 0, outcome.text
    assert project.results() == undisturbed.results()


def planned(project: Project) -> dict[str, int]:
    """Jobs that the next call would run, as --dry-run says it."""
    return run(project, SCORES, dry=True).jobs


def test_a_second_workflow_in_the_same_folder_is_refused(project):
    with running(project, LONG_STAGES["sample_text"][0], TEXT) as process:
        os.killpg(process.pid, signal.SIGSTOP)
        second = run(project, TEXT)
    assert second.code == 1
    assert "Directory cannot be locked" in second.text
    assert "Traceback" not in second.text
    # after a kill -9 the lock is left: the message names --unlock, which takes it off
    assert "--unlock" in second.text
    assert project.snakemake(*CONFIG, "--unlock").code == 0
    assert run(project, TEXT).code == 0


@contextmanager
def on_own_disk(project: Project, folder: str, megabytes: int):
    """One folder of the project on a file system of its own."""
    results, aside = project.folder / folder, project.folder / "aside"
    results.rename(aside)
    results.mkdir()
    size = f"size={megabytes}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(results)], check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system")
    try:
        shutil.copytree(aside, results, dirs_exist_ok=True)
        yield results
    finally:
        subprocess.run(["umount", str(results)], check=True)


def fill(path: Path) -> None:
    """Write a file until nothing more fits on its disk."""
    with open(path, "wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return


def test_a_full_disk_is_named_and_the_run_goes_on_with_space(project, undisturbed):
    with on_own_disk(project, MODEL_CACHE, megabytes=2) as folder:
        fill(folder / "filler")
        outcome = run(project, TEXT)
        assert outcome.code == 1
        message = (
            rf"sample_text: CannotWrite: {MODEL_CACHE}/text_\w+\.parquet: cannot be written: No"
        )
        assert re.search(f"{message} space left on device", outcome.text), outcome.text
        assert "Traceback" not in outcome.text
        (folder / "filler").unlink()
        outcome = run(project, TEXT)
        assert outcome.code == 0, outcome.text
        assert list(outcome.jobs) == ["sample_text"]
        (written,) = folder.glob("text_*")
        wanted = undisturbed.folder / MODEL_CACHE / written.name
        assert written.read_bytes() == wanted.read_bytes()


def test_a_read_only_results_folder_is_named_before_any_job(project):
    with on_own_disk(project, "results-tiny", megabytes=2) as results:
        subprocess.run(["mount", "-o", "remount,ro", str(results)], check=True)
        outcome = run(project, TEXT)
        assert outcome.code == 1
        assert f"results: {results.name} cannot be written to" in outcome.text
        assert "Traceback" not in outcome.text
        assert run(project, TEXT, dry=True).code == 0


@contextmanager
def kept(path: Path):
    """A file that a test alters, in silence: its times stay, its content comes back."""
    content, times = path.read_bytes(), path.stat()
    try:
        yield lambda: os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_damaged_intermediate_file_is_named_by_the_stage_that_reads_it(project):
    blocks = project.folder / "results-tiny/dataset/blocks.parquet"
    with kept(blocks) as unnoticed:
        content = bytearray(blocks.read_bytes())
        content[len(content) // 3] ^= 4
        blocks.write_bytes(content)
        unnoticed()
        outcome = run(project, VALUES[0])
    assert outcome.code == 1
    assert (
        "optimise_values: DamagedFile: results-tiny/dataset/blocks.parquet: its content does not"
        " match its checksum" in outcome.text
    )
    assert "Traceback" not in outcome.text


def test_nan_in_a_weight_names_stage_and_facts(project):
    """One fact's token is broken; facts that are computed together with it are named too."""
    manifest = project.folder / "resources/models/tiny-llama/manifest.json"
    weights = Path(read_json(manifest)["folder"]) / "model.safetensors"
    token = token_of_one_fact(weights.parent)
    with kept(weights) as unnoticed:
        tensors = load_file(weights)
        tensors["model.embed_tokens.weight"][token] = torch.nan
        save_file(tensors, weights, metadata={"format": "pt"})
        unnoticed()
        outcome = run(project, *VALUES)
    assert outcome.code == 1
    message = r"optimise_values: NonFiniteValue: .* of case \d+(, \d+)* is not finite"
    assert re.search(message, outcome.text), outcome.text
    assert "Traceback" not in outcome.text


def token_of_one_fact(model: Path) -> int:
    """A token that only one fact's subject has."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    own = [set(tokenizer(name)["input_ids"]) for name in COMPANIES]
    for case_id in range(12):
        others = set().union(*(ids for other, ids in enumerate(own) if other != case_id))
        if own[case_id] - others:
            return min(own[case_id] - others)
    raise AssertionError("no subject has a token of its own")
