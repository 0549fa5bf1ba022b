"""Where in the value layer the δs are added while values are optimised."""

from dataclasses import dataclass

from torch import nn

from memat.errors import ConfigError
from memat.model.editable import EditableModel


@dataclass(frozen=True)
class ValuePlaces:
    """modules: to the output of each its own δ is added; z is wanted of the last.

    block: of the value layer. first_layer: first block to run again when a δ changes.
    """

    modules: tuple[nn.Module, ...]
    block: nn.Module
    first_layer: int

    @property
    def written(self) -> nn.Module:
        """The module whose output the edit moves towards z."""
        return self.modules[-1]


def value_places(model: EditableModel, layer: int, solver: str) -> ValuePlaces:
    """Places at the value layer `layer`: the block for MEMIT and AlphaEdit; for PMET the
    projections of attention and MLP (Li et al. 2023).

    Raises ConfigError (unknown solver).
    """
    block = model.blocks[layer]
    if solver == "pmet":
        modules = (model.attention_output(layer), model.mlp_output(layer))
        return ValuePlaces(modules, block, layer)
    if solver in ("memit", "alphaedit"):
        return ValuePlaces((block,), block, layer + 1)
    raise ConfigError(f"solver '{solver}' is unknown; known: alphaedit, memit, pmet")
