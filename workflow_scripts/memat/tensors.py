"""Reading and writing tensor files: safetensors, with provenance in the header."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from memat.checksum import PLACEHOLDER, seal, verify
from memat.errors import DamagedFile
from memat.io import CHECKSUM_KEY, atomic_path
from memat.provenance import Provenance

HEADER_KEY = "memat"


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """The numbers of a tensor as they lie in memory, row by row: what a checksum is taken of."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())


def write_tensors(
    path: str | Path, tensors: dict[str, torch.Tensor], provenance: Provenance, **notes: object
) -> None:
    """Write named tensors as safetensors; `notes` are JSON values kept in the header.

    Provenance, notes and checksum are one header entry: safetensors writes several in an order that
    changes from call to call, and equal work would not give equal bytes.
    """
    entry = {"provenance": json.loads(provenance.to_json()), "notes": notes}
    entry[CHECKSUM_KEY] = PLACEHOLDER
    header = {HEADER_KEY: json.dumps(entry, sort_keys=True)}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata=header)
        seal(temporary)


def read_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict]:
    """Tensors and notes of a safetensors file. Raises DamagedFile(path)."""
    file, notes = open_tensors(path)
    return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118


def open_tensors(path: str | Path) -> tuple[safe_open, dict]:
    """A verified safetensors file, whose `get_tensor` reads one tensor at a time, and its notes.

    Raises DamagedFile(path).
    """
    verify(path)
    try:
        file = safe_open(path, framework="pt")
        header = json.loads((file.metadata() or {}).get(HEADER_KEY, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(
            f"{path}: not a readable safetensors file ({error}); delete it and run again"
        ) from error
    return file, header.get("notes", {})
