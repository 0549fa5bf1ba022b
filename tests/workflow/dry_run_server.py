"""Answers dry runs of the project in the current folder; started by `workflow.dry_runs`.

A line of arguments in, as JSON; exit status and console out. Snakemake is imported once, and
each dry run is a fork of this process.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from snakemake.cli import main


def dry_run(arguments: list[str], console: Path) -> int:
    child = os.fork()
    if not child:
        file = os.open(console, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.argv = ["snakemake", "--nocolor", "--cores", "2", "--max-threads", "1", "--dry-run"]
        sys.argv += arguments
        try:
            main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code)  # the child must not tidy up what is the parent's
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


for line in sys.stdin:
    with tempfile.TemporaryDirectory() as folder:
        console = Path(folder, "console.txt")
        code = dry_run(json.loads(line), console)
        print(json.dumps([code, console.read_text(encoding="utf-8")]), flush=True)
