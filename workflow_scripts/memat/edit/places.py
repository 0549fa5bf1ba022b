"""Where the δs are added while values are optimised, and of which outputs z is wanted."""

from dataclasses import dataclass
from typing import Any  # torch modules; torch is not imported, as solvers import this module


@dataclass(frozen=True)
class ValuePlaces:
    """modules: to the output of each its own δ is added.

    block: the last that has one of them. first_layer: first block to run again when a δ changes.
    layerwise: z is wanted of every module, one in each edit layer; else of the last alone.
    """

    modules: tuple[Any, ...]
    block: Any
    first_layer: int
    layerwise: bool = False

    def written(self, number: int) -> Any:
        """The module whose output edit layer `number` (of the edit layers) moves towards its z."""
        return self.modules[number] if self.layerwise else self.modules[-1]
