"""How values reach the edit layers: `residual` or `layerwise` (config key `values.spread`).

residual: one z at the value layer; every edit layer takes a share of what is missing there
(Meng et al. 2023b). layerwise: a z of every edit layer's MLP projection; each layer writes its
own. The first moves the residual stream by a wanted vector, which a norm between the MLP output
and the stream prevents; the second asks nothing of what follows the projection.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memat.edit.hook_points import HookPoints
from memat.edit.solver import DEFAULT, load_solver, values_solver
from memat.errors import ConfigError
from memat.model.architecture import Architecture

if TYPE_CHECKING:  # imports torch, and the plan imports this module
    from memat.model.editable import EditableModel

RESIDUAL, LAYERWISE = "residual", "layerwise"


def spread_of(asked: str, architecture: Architecture) -> str:
    """What `values.spread` means for a model: `auto` is layerwise where it has to be."""
    if asked != "auto":
        return asked
    return RESIDUAL if architecture.mlp_norm is None else LAYERWISE


def spread_fault(spread: str, architecture: Architecture) -> str | None:
    """Why the model cannot be edited by this spread, or None."""
    if spread == RESIDUAL and architecture.mlp_norm is not None:
        return (
            f"residual is not for models with a norm ({architecture.mlp_norm}) between the MLP"
            " output and the residual stream: an update of the MLP does not move the stream by the"
            " residual; use auto or layerwise"
        )
    return None


def solver_fault(spread: str, solver: str) -> str | None:
    """Why the solver cannot be used with this spread, or None."""
    if spread == LAYERWISE and values_solver(solver) != DEFAULT:
        return f"{solver} optimises values of its own, which are not layerwise"
    return None


def hook_points_of(
    model: "EditableModel", layers: Sequence[int], solver: str, spread: str
) -> HookPoints:
    """The δs of an edit in these layers (ascending; of `residual` the last alone matters).

    Raises ConfigError (spread or solver not for each other or the model).
    """
    fault = spread_fault(spread, model.architecture) or solver_fault(spread, solver)
    if fault:
        raise ConfigError(f"values.spread: {fault}")
    if spread == RESIDUAL:
        return load_solver(values_solver(solver)).value_hook_points(model, layers[-1])
    modules = tuple(model.mlp_output(layer) for layer in layers)
    return HookPoints(modules, model.blocks[layers[-1]], layers[0], layerwise=True)
