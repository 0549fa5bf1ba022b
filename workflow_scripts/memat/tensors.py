"""Reading and writing tensor files: safetensors, with provenance in the header."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from memat.errors import DamagedFile
from memat.io import PROVENANCE_KEY, atomic_path
from memat.provenance import Provenance


def write_tensors(
    path: str | Path, tensors: dict[str, torch.Tensor], provenance: Provenance, **notes: object
) -> None:
    """Write named tensors as safetensors; `notes` are JSON values kept in the header."""
    header = {PROVENANCE_KEY: provenance.to_json()}
    header |= {key: json.dumps(value, sort_keys=True) for key, value in notes.items()}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata=header)


def read_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors and notes of a safetensors file. Raises DamagedFile(path)."""
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFile(
            f"{path}: not a readable safetensors file ({error}); delete it and run again"
        ) from error
    header.pop(PROVENANCE_KEY, None)
    return tensors, {key: json.loads(value) for key, value in header.items()}
