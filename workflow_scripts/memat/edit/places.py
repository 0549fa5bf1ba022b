"""Where in the value layer the δs are added while values are optimised."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # solvers import this module, and they are read before any job
    from torch import nn


@dataclass(frozen=True)
class ValuePlaces:
    """modules: to the output of each its own δ is added; z is wanted of the last.

    block: of the value layer. first_layer: first block to run again when a δ changes.
    """

    modules: "tuple[nn.Module, ...]"
    block: "nn.Module"
    first_layer: int

    @property
    def written(self) -> "nn.Module":
        """The module whose output the edit moves towards z."""
        return self.modules[-1]
