"""Edits and corrections as tensor files, and a model that carries them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch

from memat.edit.update import Delta, edited
from memat.heads.corrections import Corrections, corrected, correction_biases
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import read_tensors, write_tensors


def write_deltas(path: str, deltas: dict[int, Delta], provenance: Provenance) -> None:
    """Two factors per edit layer: `layer.<n>.left` and `layer.<n>.right`."""
    tensors = {f"layer.{n}.left": d.left for n, d in deltas.items()}
    tensors |= {f"layer.{n}.right": d.right for n, d in deltas.items()}
    write_tensors(path, tensors, provenance, layers=sorted(deltas))


def read_deltas(path: str) -> dict[int, Delta]:
    """The deltas of one edit and block, by layer."""
    tensors, notes = read_tensors(path)
    return {
        n: Delta(tensors[f"layer.{n}.left"], tensors[f"layer.{n}.right"]) for n in notes["layers"]
    }


def write_corrections(path: str, corrections: Corrections, provenance: Provenance) -> None:
    """ω (K, head_dim), its (layer, head) pairs and the training curve."""
    tensors = {"omega": corrections.omega, "losses": corrections.losses}
    write_tensors(path, tensors, provenance, heads=corrections.heads)


def read_corrections(path: str) -> Corrections:
    """Heads, ω and curve of one correction file."""
    tensors, notes = read_tensors(path)
    heads = [(layer, head) for layer, head in notes["heads"]]
    return Corrections(heads, tensors["omega"], tensors["losses"])


@contextmanager
def carrying(
    model: EditableModel, delta_files: Sequence[str], correction_files: Sequence[str]
) -> Iterator[EditableModel]:
    """The model with all deltas and corrections of an experiment; taken off on leaving.

    Several delta files add up, and so do the corrections of several files.
    """
    with ExitStack() as stack:
        for path in delta_files:
            stack.enter_context(edited(model, read_deltas(path)))
        for path in correction_files:
            found = read_corrections(path)
            biases = correction_biases(model, found.heads, found.omega)
            stack.enter_context(corrected(model, biases))
        yield model


def stack_values(paths: Sequence[str]) -> tuple[torch.Tensor, list[int]]:
    """z of all shards of a block, (n_facts, d_model), and their case ids in order."""
    parts = [read_tensors(path)[0] for path in paths]
    values = torch.cat([part["z"] for part in parts])
    cases = torch.cat([part["case_ids"] for part in parts]).tolist()
    return values, cases
