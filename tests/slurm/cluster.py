"""What SLURM says about a project's jobs, and one call of Snakemake that submits them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from workflow.project import REPOSITORY, Outcome, Project

SUBMIT = Path(__file__).with_name("submit.py")
PROFILE = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
# at this size a stage takes less time than its job: more of them go together than in the profile
GROUPS = (
    *PROFILE["groups"],
    *("read_facts=facts", "list_prompts=facts", "translate=facts", "align=dataset"),
    *("prepare_model=model", "make_templates=model"),
    *("sample_text=model", "estimate_covariance=model", "add_moments=model"),
    *("solve_deltas=heads", "dump_activations=heads", "train_probes=heads"),
    *("draw_head_maps=heads",),
)
ON_CLUSTER = (
    *("--workflow-profile", "profiles/slurm", "--configfile", "configs/tiny.yaml"),
    # the profile's own waiting times are for real queues and file systems
    *("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5"),
)


class Cluster:
    """What SLURM itself says about jobs, asked of its controller."""

    def jobs(self, folder: Path) -> list[dict[str, str]]:
        """Every job that a project submitted, finished ones included, oldest first."""
        shown = _slurm("scontrol", "--oneliner", "show", "job").splitlines()
        rows = [dict(f.split("=", 1) for f in row.split() if "=" in f) for row in shown]
        return [row for row in rows if row.get("WorkDir") == str(folder)]

    def running(self, folder: Path, rule: str) -> dict[str, str] | None:
        """A running job of a rule, if there is one."""
        rows = (row for row in self.jobs(folder) if rule in row.get("Comment", ""))
        return next((row for row in rows if row["JobState"] == "RUNNING"), None)

    def cancel(self, job: dict[str, str]) -> None:
        _slurm("scancel", job["JobId"])


def _slurm(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Call:
    """A call of Snakemake that runs beside the test, its console in a file."""

    process: subprocess.Popen
    console: Path

    @classmethod
    def start(cls, project: Project, *arguments: str) -> "Call":
        """Submit from `project`; the profile is the one users have."""
        # stdin from nowhere: a cluster's jobs have none either
        console = project.folder / f"console-{time.monotonic_ns()}.txt"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with open(console, "w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [sys.executable, SUBMIT, "--nocolor", *ON_CLUSTER, *arguments],
                cwd=project.folder,
                env=os.environ | {"PATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return cls(process, console)

    def finish(self) -> Outcome:
        """Wait for the end; whatever it printed."""
        code = self.process.wait()
        return Outcome(code, self.console.read_text(encoding="utf-8"))

    def until(self, found: Callable[[], object]) -> object:
        """What `found` gives as soon as it gives something; this call must not end before."""
        while self.process.poll() is None:
            if result := found():
                return result
            time.sleep(0.2)
        raise AssertionError(self.finish().text)

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no call behind when a test fails; the cluster's end takes its jobs."""
        self.process.kill()
        self.process.wait()
