"""Loading the model as a stage's `compute` settings ask for."""

import fcntl
import itertools
import os
import tempfile
from pathlib import Path
from typing import TextIO

import torch

from memat.model.editable import EditableModel
from memat.model.load import load_model

_held: list[TextIO] = []


def model_for(manifest: str, compute: dict) -> EditableModel:
    """The model of a manifest on the configured device (`auto`: CUDA if there is one)."""
    device = compute["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and torch.cuda.device_count() > 1:
        device = f"cuda:{least_used_gpu(Path(tempfile.gettempdir()))}"
    return load_model(manifest, device, compute["dtype"])


def least_used_gpu(folder: Path) -> int:
    """Number of the GPU that the fewest of this user's jobs on this machine hold; now this one
    holds it as well, until its process ends.

    Jobs side by side so take one GPU each. What is held is a lock on a file in `folder`, named by
    the GPU's id and a count; the kernel gives it back, however a job ends.
    """
    ids = [torch.cuda.get_device_properties(n).uuid for n in range(torch.cuda.device_count())]
    places = (
        (number, _lock(folder / f"memat-{os.getuid()}-gpu-{gpu}-{others}.lock"))
        for others in itertools.count()
        for number, gpu in enumerate(ids)
    )
    number, lock = next((number, lock) for number, lock in places if lock)
    _held.append(lock)
    return number


def _lock(path: Path) -> TextIO | None:
    """The locked file; None while another process has it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
