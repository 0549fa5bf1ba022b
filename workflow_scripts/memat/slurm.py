"""Why SLURM ended a job, for the user's console.

Snakemake's SLURM executor says FAILED, TIMEOUT or CANCELLED and stops there when it asks
`squeue`. Which limit was hit is in the job's SLURM log, which Snakemake does not show after
an empty log of the rule; how large it was is in `scontrol`. This module reads both and says
what to change.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_SUBMITTED = re.compile(r"submitted with SLURM jobid (\d+) \(log: (.+)\)")
_FAILED = re.compile(r"SLURM-job '(\d+)(?:_\d+)?' failed.*?SLURM status is: '(\w+)'")
# without cgroups; with them, in the words of several versions; a failed allocation in Python
_OVER_MEMORY = re.compile(
    r"exceeded memory limit|oom[-_]kill|OOM Killed|out[ -]of[ -]memory|MemoryError|"
    r"can't allocate memory",
    re.IGNORECASE,
)
_OVER_TIME = "DUE TO TIME LIMIT"
_CANCELLED = re.compile(r"\*\*\* (JOB|STEP) \S+ ON \S+ CANCELLED AT")


@dataclass(frozen=True)
class FailedJob:
    """One job that SLURM reports as failed; `asked` is what `scontrol` knows of it."""

    id: str
    status: str
    log: Path | None
    text: str
    asked: dict[str, str]

    @property
    def name(self) -> str:
        """`score`, or the group's name, as the executor's log folders are called."""
        for part in self.log.parts if self.log else ():
            if part.startswith(("rule_", "group_")):
                return part.partition("_")[2]
        return "a job"

    @property
    def is_group(self) -> bool:
        return bool(self.log) and any(part.startswith("group_") for part in self.log.parts)


def asked_of_slurm(job: str) -> dict[str, str]:
    """Fields of `scontrol show job`; empty where SLURM has forgotten the job or is not here."""
    try:
        shown = subprocess.run(
            ["scontrol", "--oneliner", "show", "job", job],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(field.split("=", 1) for field in shown.stdout.split() if "=" in field)


def failed_jobs(
    console: str, asked: Callable[[str], dict[str, str]] = asked_of_slurm
) -> Iterator[FailedJob]:
    """Jobs that failed in a run, from Snakemake's own log, in the order of failing."""
    logs = {job: Path(path) for job, path in _SUBMITTED.findall(console)}
    for job, status in dict(_FAILED.findall(console)).items():
        log = logs.get(job)
        text = log.read_text("utf-8", "replace") if log and log.is_file() else ""
        yield FailedJob(job, status, log, text, asked(job))


def explain(job: FailedJob) -> str:
    """One sentence on what ended the job and one on what to do."""
    # not as an option: --set-resources would replace the profile's whole block, GPUs included
    rule = "<rule>" if job.is_group else job.name
    in_profile = f"`{rule}: {{%s: …}}` below set-resources in the profile."
    if job.status == "TIMEOUT" or _OVER_TIME in job.text:
        limit = job.asked.get("TimeLimit", "")
        return (
            f"it ran longer than its time limit{f' of {limit}' if limit else ''}. "
            f"Give it more minutes: {in_profile % 'runtime'}"
        )
    if job.status == "OUT_OF_MEMORY" or _OVER_MEMORY.search(job.text):
        memory = job.asked.get("MinMemoryNode", "")
        return (
            f"it needed more memory than its {memory or 'share'}. Give it more: "
            f"compute.memory_mb for all stages with the model, or {in_profile % 'mem_mb'}"
        )
    if job.status == "CANCELLED" or _CANCELLED.search(job.text):
        return "it was cancelled (scancel). Call Snakemake again to continue."
    if job.status in ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED"):
        return "its node failed or was taken away. Call Snakemake again to continue."
    return "it ended with its own error."


def causes(console: str, asked: Callable[[str], dict[str, str]] = asked_of_slurm) -> list[str]:
    """A line per failed job; none for a run without SLURM."""
    return [
        f"SLURM job {job.id} ({job.name}, {job.status}): {explain(job)} Its SLURM log: {job.log}"
        for job in failed_jobs(console, asked)
    ]
