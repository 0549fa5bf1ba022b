"""Calls of Snakemake without the seconds that each call, and each of its jobs, spends on imports."""

import atexit
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER = Path(__file__).with_name("call_server.py")


def call(listener: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and console of Snakemake's command line in a folder."""
    with tempfile.TemporaryDirectory() as aside, socket.socket(socket.AF_UNIX) as connection:
        console = Path(aside, "console.txt")
        connection.connect(str(listener))
        request = {"arguments": arguments, "folder": str(folder), "console": str(console)}
        connection.sendall(json.dumps(request).encode() + b"\n")
        status = connection.makefile().read()
        text = console.read_text(encoding="utf-8")
    assert status, f"the call was killed: {text}"
    return int(status), text


def start_server(environment: dict[str, str]) -> Path:
    """Where a server listens that lives as long as this process."""
    listener = Path(tempfile.mkdtemp(), "calls")
    command = [sys.executable, SERVER, listener]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    atexit.register(process.kill)
    assert process.stdout.readline(), "the server did not come up"
    return listener
