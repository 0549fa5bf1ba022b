"""From facts to the deltas of one edit: values, then the spread over the edit layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from memat.edit.solver import values_solver
from memat.edit.spread import spread_of
from memat.edit.storage import summed
from memat.edit.update import Delta, DeltaSettings, spread_joint
from memat.edit.values import ValueSettings, optimise_joint_values
from memat.editor.settings import Settings
from memat.errors import ConfigError
from memat.model.budget import token_budget
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest
from memat.study.models import JOINT, STACKED, SUM
from memat.suggest import allowed_values
from memat.text.languages import Language

FACTS_TOGETHER = 50  # in one batch of values, as in the workflow
COMBINE = (SUM, JOINT, STACKED)


@dataclass(frozen=True)
class LanguageRequests:
    """The facts of an edit in one language, with its context templates."""

    language: Language
    requests: Sequence[EditRequest]
    contexts: Sequence[str]


def find_deltas(
    model: EditableModel,
    by_language: Sequence[LanguageRequests],
    covariance: Mapping[int, torch.Tensor],
    settings: Settings,
    solver: str,
    combine: str,
    memory_mb: int,
) -> dict[int, Delta]:
    """Deltas that store the facts, by edit layer; the model is left as it came.

    combine: several languages are solved each alone and their deltas added (`sum`), share one
    value of each fact (`joint`), or have values each and one solve for all (`stacked`).
    Raises ConfigError, NonFiniteValue(case id).
    """
    if combine not in COMBINE:
        raise ConfigError(f"combine: {allowed_values(combine, COMBINE)}")
    each = [[part] for part in by_language]
    share_values = [by_language] if combine == JOINT else each
    values = [_values_of(model, group, settings, solver, memory_mb) for group in share_values]
    if combine == STACKED:
        values = [torch.cat(values, dim=-3)]  # language by language
    share_solve = each if combine == SUM else [by_language]
    return summed(
        [
            _deltas_of(model, group, z, covariance, settings, solver, memory_mb)
            for group, z in zip(share_solve, values, strict=True)
        ]
    )


def _values_of(
    model: EditableModel,
    group: Sequence[LanguageRequests],
    settings: Settings,
    solver: str,
    memory_mb: int,
) -> torch.Tensor:
    """z as `optimise_joint_values` gives it, for the languages of a group together."""
    requests = [part.requests for part in group]
    found = [
        optimise_joint_values(
            model,
            [of_language[start : start + FACTS_TOGETHER] for of_language in requests],
            [part.contexts for part in group],
            [part.language.kl_prompt for part in group],
            settings.edit.layers,
            _value_settings(settings, solver, _spread(settings, model)),
            token_budget(model, memory_mb, gradients=True),
            solver,
        ).z
        for start in range(0, len(requests[0]), FACTS_TOGETHER)
    ]
    return torch.cat(found, dim=-2)


def _deltas_of(
    model: EditableModel,
    group: Sequence[LanguageRequests],
    values: torch.Tensor,
    covariance: Mapping[int, torch.Tensor],
    settings: Settings,
    solver: str,
    memory_mb: int,
) -> dict[int, Delta]:
    return spread_joint(
        model,
        [part.requests for part in group],
        values,
        [part.contexts for part in group],
        covariance,
        settings.edit.layers,
        _delta_settings(settings, solver, _spread(settings, model)),
        token_budget(model, memory_mb, gradients=False),
    )


def _spread(settings: Settings, model: EditableModel) -> str:
    return spread_of(settings.values.spread, model.architecture)


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
