"""The modules whose outputs δ changes while values are optimised, and those that z is found for."""

from dataclasses import dataclass
from typing import Any  # torch modules; torch is not imported, as solvers import this module


@dataclass(frozen=True)
class HookPoints:
    """Each of `modules` is a hook point: its own δ is added to its output.

    block: the last block that contains a hook point. first_layer: the first block whose output
    depends on a δ. layerwise: every edit layer has one hook point, which is its target module;
    otherwise the last hook point is the only target module.
    """

    modules: tuple[Any, ...]
    block: Any
    first_layer: int
    layerwise: bool = False

    def target_module(self, number: int) -> Any:
        """The module whose output the update of edit layer `number`, counted from 0, moves to z."""
        return self.modules[number] if self.layerwise else self.modules[-1]
