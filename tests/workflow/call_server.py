"""Answers calls of Snakemake and runs their jobs, each in a fork of one process.

A tiny job is nearly all imports, and so is a dry run. What they import of others is imported here,
once; the project's own files are read anew in every fork. Started by `workflow.calls`.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from importlib import import_module
from subprocess import CalledProcessError

from pydantic._internal import _fields as pydantic_fields
from snakemake.cli import main
from snakemake.script import PythonScript

TRANSFORMERS = ("auto.modeling_auto", "falcon.modeling_falcon", "llama.modeling_llama")
IMPORTED = (
    *("matplotlib.pyplot", "polars", "pyarrow.parquet", "pydantic", "safetensors.torch"),
    *("scipy.stats", "sklearn.linear_model", "sklearn.metrics", "torch"),
    *("transformers.tokenization_utils_fast", *(f"transformers.models.{m}" for m in TRANSFORMERS)),
)
LISTENER = sys.argv[1]


def ask(request: dict) -> int:
    """The exit status of a request, which a fork of the server answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(LISTENER)
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = connection.makefile().read()
    return int(answer or -signal.SIGKILL)  # a job that is killed says nothing


def call(arguments: list[str], console: str) -> None:
    """Snakemake's command line; its jobs are requests, too."""

    def run_script(self, name, edit=False):
        if self.bench_record:  # of a process that was gone before it was looked at
            self.bench_record.running_time, self.bench_record.process_gone = 0.0, True
        if status := ask({"script": name, "folder": os.getcwd(), "console": console}):
            raise CalledProcessError(status, name)

    PythonScript.execute_script = run_script
    sys.argv = ["snakemake", *arguments]
    main()


def run(script: str) -> None:
    """A job's script, as `python script` runs it."""
    sys.argv = [script]
    sys.path[0] = os.path.dirname(script)
    runpy.run_path(script, run_name="__main__")


def status_of(request: dict) -> int:
    """Answer a request in this process, whose output goes to the request's console."""
    file = os.open(request["console"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    status = 0
    try:
        if "script" in request:
            run(request["script"])
        else:
            call(request["arguments"], request["console"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def serve() -> None:
    """Fork for every request until whoever started this process is gone."""
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(LISTENER)
        listener.listen(16)
        listener.settimeout(2)
        print("listening", flush=True)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                request = json.loads(connection.makefile().readline())
                if not os.fork():
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    connection.sendall(str(status_of(request)).encode())
                    os._exit(0)  # a fork must not tidy up what is the server's


# what a key means is for documents; to find it in the source takes a sixth of a dry run
assert hasattr(pydantic_fields, "_update_fields_from_docstrings")
pydantic_fields._update_fields_from_docstrings = lambda *arguments, **named: None
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a fork answers by itself, nobody waits for it
for module in IMPORTED:
    import_module(module)
gc.freeze()
serve()
