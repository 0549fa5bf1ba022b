"""A copy of the workflow in a scratch folder, run through Snakemake's command line."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from snakemake.utils import update_config

from memat.stage import CHECK_PARAMS
from tiny import write_tiny_world
from workflow.calls import call, start_server

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = (
    *("Snakefile", "config.yaml", "configs", "envs", "profiles", "report", "rules"),
    *("workflow_scripts", "resources", "examples"),
)
DEFAULTS = "config.yaml"
MODEL_CACHE = "resources/cache/models/tiny-llama"
# one thread a job: tiny models gain nothing from more, and jobs run side by side
_OPTIONS = ("--nocolor", "--cores", "2", "--max-threads", "1")
_NEVER = shutil.ignore_patterns("__pycache__", ".*", "cache")


def _not_tracked(folder: str, names: list[str]) -> set[str]:
    """Names below `folder` that git ignores: caches and prepared models."""
    models = [name for name in names if Path(folder, name).is_dir()]
    return _NEVER(folder, names) | set(models if Path(folder).name == "models" else ())


def merged_config(*overlays: str, folder: Path = REPOSITORY) -> dict:
    """The config of a run: the defaults, and over them the given files, as Snakemake merges them."""
    config: dict = {}
    for name in (DEFAULTS, *overlays):
        text = (folder / name).read_text(encoding="utf-8")
        update_config(config, yaml.load(text, yaml.CSafeLoader))  # ten times as fast
    return config


def unread_params(results: Path) -> dict[str, str]:
    """Rule → the params that its script did not read, by the logs of a run."""
    line = re.compile(r"^(\w+): params that nothing reads: (.+)$", re.MULTILINE)
    logs = (path.read_text(encoding="utf-8") for path in results.rglob("*.log"))
    return dict(found for log in logs for found in line.findall(log))


def environment() -> dict[str, str]:
    """The interpreter of the tests also runs the jobs; params that nothing reads are logged."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "HF_HUB_OFFLINE": "1", CHECK_PARAMS: "1"}


@cache
def _server() -> Path:
    return start_server(environment())


@dataclass(frozen=True)
class Outcome:
    """What one call of Snakemake gave."""

    code: int
    text: str

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs per rule of a dry run, target rules aside."""
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", self.text, re.MULTILINE | re.DOTALL)
        rows = dict(line.split() for line in table[1].splitlines()) if table else {}
        return {rule: int(count) for rule, count in rows.items() if rule not in ("all", "export")}


@dataclass(frozen=True)
class Project:
    """A folder with everything tracked that a run needs."""

    folder: Path

    @classmethod
    def copy(cls, folder: Path) -> "Project":
        """Copy the workflow, without results and prepared models."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source = REPOSITORY / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=_not_tracked, dirs_exist_ok=True)
            else:
                shutil.copy2(source, folder / part)
        return cls(folder)

    @classmethod
    def tiny(cls, folder: Path) -> "Project":
        """A copy with the models and facts of configs/tiny.yaml."""
        write_tiny_world(folder / "resources" / "cache" / "tiny")
        return cls.copy(folder)

    def snakemake(self, *arguments: str) -> Outcome:
        """Call Snakemake here; standard output and error come together."""
        return Outcome(*call(_server(), self.folder, *_OPTIONS, *arguments))

    def in_processes(self, *arguments: str) -> Outcome:
        """The same as a user does it: a process for the call, and one for each job."""
        process = self.start(*arguments, output=subprocess.PIPE)
        text, _ = process.communicate()
        return Outcome(process.returncode, text)

    def start(self, *arguments: str, output) -> subprocess.Popen:
        """Start the call of `in_processes`, and do not wait for it; to be killed with its jobs."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *_OPTIONS, *arguments],
            cwd=self.folder,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def results(self, folder: str = "results-tiny") -> dict[str, str]:
        """SHA-256 of every result file; logs, benchmarks and the report hold times.

        Files of the model, shared by results folders, are named without the hash in their path:
        model/covariance/moments_0.safetensors, model/templates/ca.json.
        """
        root, shared = self.folder / folder, self.folder / MODEL_CACHE
        paths = {str(path.relative_to(root)): path for path in root.rglob("*")}
        for path in shared.rglob("*"):
            paths[f"model/{re.sub('_[0-9a-f]{8}', '', str(path.relative_to(shared)))}"] = path
        found = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in sorted(paths.items())
            if path.is_file()
        }
        own = ("logs/", "benchmarks/", "export/", "report.html")
        return {name: digest for name, digest in found.items() if not name.startswith(own)}

    def config(self, source: str = "configs/tiny.yaml", **changes: object) -> str:
        """Write a changed copy of a config, whole; keys are dotted paths, `__` for the dot."""
        content = merged_config(source, folder=self.folder)
        for key, value in changes.items():
            *sections, last = key.split("__")
            place = content
            for section in sections:
                place = place[int(section) if section.isdecimal() else section]
            place[last] = value
        path = self.folder / "configs" / "changed.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return str(path.relative_to(self.folder))
