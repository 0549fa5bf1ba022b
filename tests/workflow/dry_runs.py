"""Many dry runs of one project.

A call of Snakemake spends most of its time on imports, and the rerun table is two hundred calls.
"""

import json
import subprocess
import sys
from pathlib import Path

from workflow.project import Outcome, Project

SERVER = Path(__file__).with_name("dry_run_server.py")


class DryRuns:
    """A process in a project's folder that answers dry runs until it is closed."""

    def __init__(self, project: Project):
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            cwd=project.folder,
            env=project.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str) -> Outcome:
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return Outcome(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
