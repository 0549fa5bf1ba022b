"""Why SLURM ended a job, for the user's console.

Snakemake's SLURM executor says FAILED, TIMEOUT or CANCELLED and stops there when it asks
`squeue`. Which limit was hit is in the job's SLURM log, which Snakemake does not show after
an empty log of the rule; how large it was is in `scontrol`. This module reads both and says
what to change.
"""

import re
import subprocess
from collections.abc import Callable
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


def causes(console: str, asked: Callable[[str], dict[str, str]] = asked_of_slurm) -> list[str]:
    """A line per failed job of a run, in the order of failing; none for a run without SLURM.

    console: Snakemake's own log. asked: what SLURM knows of a job, by its id.
    """
    logs = dict(_SUBMITTED.findall(console))
    lines = []
    for job, status in dict(_FAILED.findall(console)).items():
        log = Path(logs[job]) if job in logs else None
        text = log.read_text("utf-8", "replace") if log and log.is_file() else ""
        # the rule, or the group's name, as the executor's log folders are called
        folders = [p for p in log.parts if p.startswith(("rule_", "group_"))] if log else []
        name = folders[0].partition("_")[2] if folders else "a job"
        rule = "<rule>" if any(p.startswith("group_") for p in folders) else name
        cause = _cause(status, text, rule, asked(job))
        lines.append(f"SLURM job {job} ({name}, {status}): {cause} Its SLURM log: {log}")
    return lines


def _cause(status: str, text: str, rule: str, asked: dict[str, str]) -> str:
    """One sentence on what ended a job and one on what to do; text: its SLURM log."""
    # not as an option: --set-resources would replace the profile's whole block, GPUs included
    in_profile = f"`{rule}: {{%s: …}}` below set-resources in the profile."
    if status == "TIMEOUT" or _OVER_TIME in text:
        limit = asked.get("TimeLimit", "")
        return (
            f"it ran longer than its time limit{f' of {limit}' if limit else ''}. "
            f"Give it more minutes: {in_profile % 'runtime'}"
        )
    if status == "OUT_OF_MEMORY" or _OVER_MEMORY.search(text):
        return (
            f"it needed more memory than its {asked.get('MinMemoryNode') or 'share'}. Give it more: "
            f"compute.memory_mb for all stages with the model, or {in_profile % 'mem_mb'}"
        )
    if status == "CANCELLED" or _CANCELLED.search(text):
        return "it was cancelled (scancel). Call Snakemake again to continue."
    if status in ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED"):
        return "its node failed or was taken away. Call Snakemake again to continue."
    return "it ended with its own error."
