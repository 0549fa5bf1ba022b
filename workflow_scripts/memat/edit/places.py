"""Where in the value layer the δs are added while values are optimised."""

from dataclasses import dataclass
from typing import Any  # torch modules; torch is not imported, as solvers import this module


@dataclass(frozen=True)
class ValuePlaces:
    """modules: to the output of each its own δ is added; z is wanted of the last.

    block: of the value layer. first_layer: first block to run again when a δ changes.
    """

    modules: tuple[Any, ...]
    block: Any
    first_layer: int

    @property
    def written(self) -> Any:
        """The module whose output the edit moves towards z."""
        return self.modules[-1]
