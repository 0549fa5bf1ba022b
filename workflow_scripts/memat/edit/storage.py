"""Key moments, values and deltas as tensor files, and a model that carries deltas."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch

from memat.edit.covariance import ExactSum, KeyMoments
from memat.edit.update import Delta, edited
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import open_tensors, read_tensors, write_tensors

PARTS = ("total", "rest")


def write_moments(path: str, moments: KeyMoments, provenance: Provenance) -> None:
    """Two matrices per edit layer: `layer.<n>.total` and `layer.<n>.rest`."""
    tensors = {
        f"layer.{n}.{part}": getattr(found, part)
        for n, found in moments.sums.items()
        for part in PARTS
    }
    layers = sorted(moments.sums)
    write_tensors(path, tensors, provenance, layers=layers, tokens=moments.tokens)


class StoredSums(Mapping):
    """The sums of a file by layer, each read when asked for: a large model's fill the memory."""

    def __init__(self, path: str):
        self._file, self.notes = open_tensors(path)

    def __getitem__(self, layer: int) -> ExactSum:
        return ExactSum(*(self._file.get_tensor(f"layer.{layer}.{part}") for part in PARTS))

    def __iter__(self) -> Iterator[int]:
        return iter(self.notes["layers"])

    def __len__(self) -> int:
        return len(self.notes["layers"])


def read_moments(path: str) -> KeyMoments:
    """The moments of one shard of text. Raises DamagedFile(path)."""
    sums = StoredSums(path)
    return KeyMoments(sums, sums.notes["tokens"])


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


def summed(parts: Sequence[dict[int, Delta]]) -> dict[int, Delta]:
    """Δ₁ + Δ₂ + … of edits of the same layers, as factors: theirs side by side."""
    return {
        layer: Delta(
            torch.cat([part[layer].left for part in parts]),
            torch.cat([part[layer].right for part in parts]),
        )
        for layer in parts[0]
    }


@contextmanager
def edited_by(model: EditableModel, paths: Sequence[str]) -> Iterator[EditableModel]:
    """The model with the deltas of several files added up; taken off on leaving."""
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(edited(model, read_deltas(path)))
        yield model


def stack_values(paths: Sequence[str], n_facts: int) -> tuple[torch.Tensor, list[int]]:
    """z of the first `n_facts` of the shards of a block and their case ids in order.

    z: (n_facts, d_model), or (n_languages, n_facts, d_model) of joint values; n_layers come
    before that where values are layerwise.
    """
    parts = [read_tensors(path)[0] for path in paths]
    values = torch.cat([part["z"] for part in parts], dim=-2)
    cases = torch.cat([part["case_ids"] for part in parts]).tolist()
    return values[..., :n_facts, :], cases[:n_facts]
