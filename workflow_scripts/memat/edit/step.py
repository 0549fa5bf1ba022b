"""One edit from facts to deltas, on the model as it stands: values, then the spread over layers.

Facts arrive over time, so a model that carries earlier edits is edited again. Values, keys and
residuals of a later edit are those of the model with the earlier ones in its weights, and the
keys K_p of the earlier facts are a term of its solve: their outputs are not to change. For MEMIT
Δ = R·Kᵀ(λC + K_pK_pᵀ + KKᵀ)⁻¹; each solver says its own (`solve_after` in `memat.edit.solvers`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from memat.edit.solver import stepwise_fault
from memat.edit.storage import summed
from memat.edit.update import NOTHING, Delta, DeltaSettings, spread
from memat.edit.values import ValueSettings, optimise_values
from memat.errors import ConfigError
from memat.model.budget import token_budget
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest
from memat.study.models import JOINT, STACKED, SUM
from memat.suggest import allowed_values
from memat.text.languages import Language

COMBINE = (SUM, JOINT, STACKED)


@dataclass(frozen=True)
class LanguageRequests:
    """The facts of an edit in one language, with its context templates."""

    language: Language
    requests: Sequence[EditRequest]
    contexts: Sequence[str]


@dataclass(frozen=True)
class StepSettings:
    """How facts become deltas. together: facts that share a batch of values. memory_mb: of the
    model and its batches. combine: of several languages, each is solved alone and their deltas
    added (`sum`), they share one value of each fact (`joint`), or have values each and one solve
    for all (`stacked`)."""

    layers: Sequence[int]
    values: ValueSettings
    deltas: DeltaSettings
    together: int
    memory_mb: int
    combine: str = SUM


@dataclass(frozen=True)
class Step:
    """An edit: deltas, {layer: Delta}, and the keys of its facts, {layer: (n_rows, d_ff)}."""

    deltas: dict[int, Delta]
    keys: dict[int, torch.Tensor]


def edit_step(
    model: EditableModel,
    by_language: Sequence[LanguageRequests],
    covariance: Mapping[int, torch.Tensor],
    settings: StepSettings,
    protected: Mapping[int, torch.Tensor] = NOTHING,
    earlier: Mapping[int, torch.Tensor] = NOTHING,
) -> Step:
    """Deltas that store the facts, on top of the edits that the model carries; it is left so.

    covariance: C of each edit layer. protected: K₀ of each (`memat.edit.keys.subject_keys`).
    earlier: K_p of each, (n_earlier, d_ff): keys of the facts of earlier edits, in all their
    languages, as `Step.keys` has them. Raises ConfigError, NonFiniteValue(case id).
    """
    if settings.combine not in COMBINE:
        raise ConfigError(f"combine: {allowed_values(settings.combine, COMBINE)}")
    if earlier and (fault := stepwise_fault(settings.deltas.solver)):
        raise ConfigError(f"solver: {fault}")
    each = [[part] for part in by_language]
    share_values = [by_language] if settings.combine == JOINT else each
    values = [_values_of(model, group, settings) for group in share_values]
    if settings.combine == STACKED:
        values = [torch.cat(values, dim=-3)]  # language by language
    share_solve = each if settings.combine == SUM else [by_language]
    found = [
        spread(
            model,
            [part.requests for part in group],
            z,
            [part.contexts for part in group],
            covariance,
            settings.layers,
            settings.deltas,
            token_budget(model, settings.memory_mb, gradients=False),
            protected,
            earlier,
        )
        for group, z in zip(share_solve, values, strict=True)
    ]
    keys = {layer: torch.cat([own[layer] for _deltas, own in found]) for layer in settings.layers}
    return Step(summed([deltas for deltas, _own in found]), keys)


def _values_of(
    model: EditableModel, group: Sequence[LanguageRequests], settings: StepSettings
) -> torch.Tensor:
    """z as `optimise_values` gives it, for the languages of a group together."""
    requests = [part.requests for part in group]
    found = [
        optimise_values(
            model,
            [of_language[start : start + settings.together] for of_language in requests],
            [part.contexts for part in group],
            [part.language.kl_prompt for part in group],
            settings.layers,
            settings.values,
            token_budget(model, settings.memory_mb, gradients=True),
            settings.deltas.solver,
        ).z
        for start in range(0, len(requests[0]), settings.together)
    ]
    return torch.cat(found, dim=-2)
