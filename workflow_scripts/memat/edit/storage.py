"""Key moments, values and deltas as tensor files, and a model that carries deltas."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from memat.edit.covariance import KeyMoments
from memat.edit.update import NOTHING, Delta, edited
from memat.edit.values import Values
from memat.errors import DamagedFile
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import open_tensors, read_tensors, write_tensors


def write_moments(path: str, moments: KeyMoments, provenance: Provenance) -> None:
    """A float64 matrix per edit layer: `layer.<n>`."""
    write_layers(path, moments.sums, provenance, layers=sorted(moments.sums), tokens=moments.tokens)


class StoredLayers(Mapping):
    """What `read` gives for each layer, read when asked for: a large model's fill the memory."""

    def __init__(self, layers: Sequence[int], read: Callable[[int], object]):
        self.layers, self._read = layers, read

    def __getitem__(self, layer: int):
        if layer not in self.layers:
            raise KeyError(layer)
        return self._read(layer)

    def __iter__(self) -> Iterator[int]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)


def read_moments(path: str) -> KeyMoments:
    """The moments of one shard of text. Raises DamagedFile(path)."""
    file, notes = open_tensors(path)
    sums = StoredLayers(notes["layers"], lambda layer: file.get_tensor(f"layer.{layer}"))
    return KeyMoments(sums, notes["tokens"])


class LayerMoments(StoredLayers):
    """C of some layers, {layer: (d_ff, d_ff) float32}: a file each, read when asked for."""

    def __init__(self, folder: Path, layers: Sequence[int]):
        super().__init__(layers, lambda layer: read_tensors(self.file(layer))[0]["moment"])
        self.folder = folder

    def file(self, layer: int) -> Path:
        """Where C of a layer is kept."""
        return self.folder / f"layer_{layer}.safetensors"

    def missing(self) -> list[int]:
        """The layers without a file."""
        return [layer for layer in self.layers if not self.file(layer).is_file()]

    def write(self, moments: Mapping[int, torch.Tensor], provenance: Provenance) -> None:
        """Keep C of each layer given."""
        for layer, moment in moments.items():
            write_tensors(self.file(layer), {"moment": moment}, provenance)


def write_layers(
    path: str, by_layer: Mapping[int, torch.Tensor], provenance: Provenance, **notes: object
) -> None:
    """One tensor per layer: `layer.<n>`. notes: as of `memat.tensors.write_tensors`."""
    write_tensors(path, {f"layer.{n}": found for n, found in by_layer.items()}, provenance, **notes)


def read_layers(path: str, layers: Sequence[int]) -> dict[int, torch.Tensor]:
    """Tensors of `write_layers`, of these layers."""
    tensors, _notes = read_tensors(path)
    return {n: tensors[f"layer.{n}"] for n in layers}


def write_deltas(
    path: str,
    deltas: dict[int, Delta],
    provenance: Provenance,
    keys: Mapping[int, torch.Tensor] = NOTHING,
) -> None:
    """Two factors per edit layer: `layer.<n>.left` and `layer.<n>.right`. keys: of the facts of a
    step, `layer.<n>.keys`, which later steps leave alone."""
    tensors = {f"layer.{n}.left": d.left for n, d in deltas.items()}
    tensors |= {f"layer.{n}.right": d.right for n, d in deltas.items()}
    tensors |= {f"layer.{n}.keys": found for n, found in keys.items()}
    write_tensors(path, tensors, provenance, layers=sorted(deltas))


def read_step_keys(paths: Sequence[str]) -> dict[int, torch.Tensor]:
    """K_p of several steps by layer, (n_facts, d_ff), step by step; of none an empty dict."""
    steps = [read_tensors(path) for path in paths]
    layers = steps[0][1]["layers"] if steps else []
    return {n: torch.cat([tensors[f"layer.{n}.keys"] for tensors, _ in steps]) for n in layers}


def read_deltas(path: str) -> dict[int, Delta]:
    """The deltas of one edit and block, by layer."""
    tensors, notes = read_tensors(path)
    return {
        n: Delta(tensors[f"layer.{n}.left"], tensors[f"layer.{n}.right"]) for n in notes["layers"]
    }


def summed(parts: Sequence[Mapping[int, Delta]]) -> dict[int, Delta]:
    """Δ₁ + Δ₂ + … as factors, theirs side by side; edits may be of different layers."""
    found = {}
    for layer in sorted({layer for part in parts for layer in part}):
        own = [part[layer] for part in parts if layer in part]
        left, right = torch.cat([d.left for d in own]), torch.cat([d.right for d in own])
        found[layer] = Delta(left, right)
    return found


@contextmanager
def edited_by(model: EditableModel, paths: Sequence[str]) -> Iterator[EditableModel]:
    """The model with the deltas of several files added up; taken off on leaving."""
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(edited(model, read_deltas(path)))
        yield model


def stack_values(paths: Sequence[str], cases: Sequence[int]) -> torch.Tensor:
    """z of the facts `cases`, in their order, from the shards of their block.

    z: (n_facts, d_model), or (n_languages, n_facts, d_model) of joint values; n_layers come
    before that where values are layerwise. Other facts of the shards are left out: an edit in
    several languages holds only those that have all of them.
    Raises DamagedFile(path, cases) for shards without such facts, or with them in another order.
    """
    parts = [read_tensors(path)[0] for path in paths]
    found = torch.cat([part["case_ids"] for part in parts]).tolist()
    wanted = set(cases)
    rows = [row for row, case in enumerate(found) if case in wanted]
    if [found[row] for row in rows] != list(cases):
        raise DamagedFile(f"{paths[0]}: its facts are not those of the block, in their order")
    # a shard behind the last fact of a language is empty, and knows no layers
    values = torch.cat([part["z"] for part in parts if len(part["case_ids"])], dim=-2)
    return values[..., rows, :]


def stack_languages(paths: Sequence[str], n_languages: int, cases: Sequence[int]) -> torch.Tensor:
    """As `stack_values`, (n_languages, n_facts, d_model), from values that each language has of
    its own; paths: as many shards of each, language by language."""
    n_shards = len(paths) // n_languages
    shards = [paths[start : start + n_shards] for start in range(0, len(paths), n_shards)]
    return torch.stack([stack_values(own, cases) for own in shards], dim=-3)


def write_values(
    path: str, found: Sequence[Values], case_ids: Sequence[int], provenance: Provenance
) -> None:
    """z, initial and losses of all groups of a shard, and their facts.

    One language is written without its dimension.
    """
    tensors = {
        "z": torch.cat([values.z for values in found], dim=-2).squeeze(-3),
        "initial": torch.cat([values.initial for values in found], dim=-2).squeeze(-3),
        "losses": torch.cat([values.losses for values in found]),
        "case_ids": torch.tensor(case_ids, dtype=torch.long),
    }
    write_tensors(path, tensors, provenance)
