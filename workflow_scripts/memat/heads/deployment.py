"""Corrections as they are kept and deployed: a bias of the attention output, eq. (6)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from memat.edit.storage import edited_by
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import read_tensors, write_tensors

Heads = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Corrections:
    """heads: K (layer, head) pairs; omega: (K, head_dim); losses: mean loss per epoch.

    heads_per_layer: how several heads of one layer are deployed, see `correction_biases`.
    """

    heads: list[tuple[int, int]]
    omega: torch.Tensor
    losses: torch.Tensor
    heads_per_layer: str = "add_up"


def write_corrections(path: str, corrections: Corrections, provenance: Provenance) -> None:
    """ω (K, head_dim), its (layer, head) pairs, how they are deployed, and the training curve.

    Deployment is a part of the file: every stage that reads it must do the same.
    """
    tensors = {"omega": corrections.omega, "losses": corrections.losses}
    notes = {"heads": corrections.heads, "heads_per_layer": corrections.heads_per_layer}
    write_tensors(path, tensors, provenance, **notes)


def read_corrections(path: str) -> Corrections:
    """What `write_corrections` wrote."""
    tensors, notes = read_tensors(path)
    heads = [(layer, head) for layer, head in notes["heads"]]
    return Corrections(heads, tensors["omega"], tensors["losses"], notes["heads_per_layer"])


def head_slice(model: EditableModel, concatenated: torch.Tensor, head: int) -> torch.Tensor:
    """One head's part of the concatenated heads (last dimension)."""
    return concatenated[..., head * model.head_dim : (head + 1) * model.head_dim]


def correction_biases(
    model: EditableModel, heads: Heads, omega: torch.Tensor, heads_per_layer: str = "add_up"
) -> dict[int, torch.Tensor]:
    """W_O·ω of each layer, {layer: (d_model,)} float64: eq. (6) as a bias.

    heads_per_layer: the heads of a layer `add_up`, as eq. (6) has it, or the `last_wins`, as in
    the released code, where each head's bias replaces the one before: of a layer's located
    heads only the one that ranks last is corrected.
    """
    biases: dict[int, torch.Tensor] = {}
    for (layer, head), vector in zip(heads, omega, strict=True):
        weight = head_slice(model, model.attention_matrix(layer), head).double()
        bias = weight @ vector.double().to(weight.device)
        joins = layer in biases and heads_per_layer == "add_up"
        biases[layer] = biases[layer] + bias if joins else bias
    return biases


def add_bias(model: EditableModel, layer: int, bias: torch.Tensor) -> None:
    """Add to the bias of a layer's attention output projection, in float64, as a new parameter."""
    projection = model.attention_output(layer)
    old = 0.0 if projection.bias is None else projection.bias.double()
    new = (old + bias.double().to(projection.weight.device)).to(projection.weight.dtype)
    projection.bias = nn.Parameter(new, requires_grad=False)


@contextmanager
def corrected(model: EditableModel, biases: Mapping[int, torch.Tensor]) -> Iterator[EditableModel]:
    """The model with biases added to its attention output projections; taken off on leaving."""
    kept = {layer: model.attention_output(layer).bias for layer in biases}
    try:
        for layer, bias in biases.items():
            add_bias(model, layer, bias)
        yield model
    finally:
        for layer, bias in kept.items():
            model.attention_output(layer).bias = bias


@contextmanager
def carrying(
    model: EditableModel, delta_files: Sequence[str], correction_files: Sequence[str]
) -> Iterator[EditableModel]:
    """The model with all deltas and corrections of an experiment; taken off on leaving.

    Several delta files add up, and so do the corrections of several files.
    """
    with ExitStack() as stack:
        stack.enter_context(edited_by(model, delta_files))
        for path in correction_files:
            found = read_corrections(path)
            biases = correction_biases(model, found.heads, found.omega, found.heads_per_layer)
            stack.enter_context(corrected(model, biases))
        yield model
