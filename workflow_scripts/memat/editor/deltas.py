"""The settings of a user's edit as those of `memat.edit.step`, which finds its deltas."""

from memat.edit.solver import values_solver
from memat.edit.spread import spread_of
from memat.edit.step import StepSettings
from memat.edit.update import DeltaSettings
from memat.edit.values import ValueSettings
from memat.editor.settings import Settings
from memat.model.editable import EditableModel

FACTS_TOGETHER = 50  # in one batch of values, as in the workflow


def step_settings(
    model: EditableModel, settings: Settings, solver: str, combine: str, memory_mb: int
) -> StepSettings:
    """How the facts of one edit become deltas."""
    spread = spread_of(settings.values.spread, model.architecture)
    return StepSettings(
        settings.edit.layers,
        _value_settings(settings, solver, spread),
        _delta_settings(settings, solver, spread),
        FACTS_TOGETHER,
        memory_mb,
        combine,
    )


def _value_settings(settings: Settings, solver: str, spread: str) -> ValueSettings:
    own = settings.values.model_dump(exclude={"shard_size"})
    values = _without_sections(own) | {"spread": spread} | own.get(values_solver(solver), {})
    return ValueSettings(**values)


def _delta_settings(settings: Settings, solver: str, spread: str) -> DeltaSettings:
    own = settings.deltas.model_dump()
    return DeltaSettings(
        **_without_sections(own), solver=solver, own=own.get(solver, {}), spread=spread
    )


def _without_sections(settings: dict) -> dict:
    """The settings of all solvers; each solver's own are a section below."""
    return {key: value for key, value in settings.items() if not isinstance(value, dict)}
