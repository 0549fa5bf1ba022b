"""Loading the model as a stage's `compute` settings ask for."""

import fcntl
import gc
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
    """The model of a manifest on the configured device.

    `auto` is CUDA if there is one; of several GPUs, `auto` and `cuda` take a free one.
    """
    device = compute["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and torch.cuda.device_count() > 1:
        device = f"cuda:{free_gpu(Path(tempfile.gettempdir(), f'memat-{os.getuid()}'))}"
    model = load_model(manifest, device, compute["dtype"])
    gc.freeze()  # what is loaded stays until the job ends: no more looking for garbage in it
    return model


def free_gpu(folder: Path) -> int:
    """Number of a GPU that no other job holds, or one that the fewest hold.

    Jobs of one user side by side get a GPU each, as long as there are no more of them than GPUs.

    A job's hold on a GPU is a lock on a file in `folder`, named by the GPU's id and a number from
    0 on. The lock ends with the process, however the job ends.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    ids = [torch.cuda.get_device_properties(n).uuid for n in range(torch.cuda.device_count())]
    places = (
        (number, _lock(folder / f"gpu-{gpu}-{place}.lock"))
        for place in itertools.count()
        for number, gpu in enumerate(ids)
    )
    number, lock = next((number, lock) for number, lock in places if lock)
    _held.append(lock)
    return number


def _lock(path: Path) -> TextIO | None:
    """The locked file; None while another process has it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
