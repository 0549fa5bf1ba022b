"""The edits that lie on a model, in order, with the weights that they cover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from memat.edit.storage import summed
from memat.edit.update import Delta, add_delta
from memat.heads.deployment import add_bias
from memat.model.editable import EditableModel


@dataclass(frozen=True)
class Carried:
    """What one edit changes. deltas: of MLP output projections, {layer: Delta}. biases: added to
    those of attention output projections, {layer: (d_model,)}: corrections of heads."""

    deltas: Mapping[int, Delta]
    biases: Mapping[int, torch.Tensor] = field(default_factory=dict)


def added_up(parts: Sequence[Carried]) -> Carried:
    """Several edits as one: factors of deltas side by side, biases summed; layers may differ."""
    layers = sorted({layer for part in parts for layer in part.biases})
    biases = {n: sum(part.biases[n] for part in parts if n in part.biases) for n in layers}
    return Carried(summed([part.deltas for part in parts]), biases)


class EditedWeights:
    """Several edits on one model; each comes off again, in any order.

    The first edit of a weight keeps it as it came. Whatever is taken off, the weights are those
    with the edits that stay added in their order, as if nothing else had ever been there; with
    none left they are what they were, bit for bit.

    originals: by name, of a model that carries edits already, as `mlp.<layer>`, (d_model, d_ff),
    and `bias.<layer>`, (d_model,) or None where the projection came without a bias.
    """

    def __init__(
        self, model: EditableModel, originals: Mapping[str, torch.Tensor | None] | None = None
    ):
        self._model = model
        self.originals = dict(originals or {})
        self._laid: tuple[Carried, ...] = ()
        self._uncover()

    def lay(self, edits: Sequence[Carried]) -> None:
        """Make these the edits on the model, in this order; on a fault there are none."""
        start = len(self._laid)
        if len(edits) < start or any(a is not b for a, b in zip(self._laid, edits, strict=False)):
            self._uncover()
            start = 0
        try:
            for edit in edits[start:]:
                for layer, delta in edit.deltas.items():
                    self._keep(f"mlp.{layer}", self._model.mlp_matrix(layer))
                    add_delta(self._model, layer, delta)
                for layer, bias in edit.biases.items():
                    self._keep(f"bias.{layer}", self._model.attention_output(layer).bias)
                    add_bias(self._model, layer, bias)
        except BaseException:
            self._uncover()
            raise
        self._laid = tuple(edits)

    def _keep(self, name: str, weight: torch.Tensor | None) -> None:
        if name not in self.originals:
            self.originals[name] = None if weight is None else weight.detach().clone()

    def _uncover(self) -> None:
        self._laid = ()
        for name, weight in self.originals.items():
            kind, _, layer = name.partition(".")
            if kind == "mlp":
                with torch.no_grad():
                    self._model.mlp_matrix(int(layer)).copy_(weight)
            else:
                kept = None if weight is None else nn.Parameter(weight.clone(), requires_grad=False)
                self._model.attention_output(int(layer)).bias = kept
