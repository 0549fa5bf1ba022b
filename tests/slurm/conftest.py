"""A SLURM cluster of one node for the tests of this folder."""

import subprocess
from pathlib import Path

import pytest

from slurm.cluster import Cluster

HERE = Path(__file__).parent
NOT_HERE = 77  # start.sh: this machine cannot hold a cluster, no fault of the project


@pytest.fixture(scope="session")
def cluster():
    """SLURM on one node, stopped and removed afterwards."""
    started = subprocess.run([HERE / "start.sh"], capture_output=True, text=True, check=False)
    if started.returncode == NOT_HERE:
        pytest.skip(started.stderr.strip())
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield Cluster()
    finally:
        subprocess.run([HERE / "stop.sh"], check=True)
