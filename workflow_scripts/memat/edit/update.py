"""The update of MLP output projections: solve (eq. 5), spread over the edit layers, apply.

A delta is kept as two factors, Δ = leftᵀ · right with left (n_facts, d_model) and
right (n_facts, d_ff), so that a block of facts costs n·(d_model + d_ff) numbers.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

from memat.edit.keys import KeyReader, template_weights
from memat.edit.linear import with_old_keys
from memat.edit.requests import named_cases
from memat.edit.solver import DEFAULT, load_solver
from memat.edit.spread import RESIDUAL, hook_points_of
from memat.edit.transported_keys import with_transported
from memat.errors import NonFiniteValue
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest

log = logging.getLogger("memat")

NOTHING: Mapping[int, torch.Tensor] = MappingProxyType({})


@dataclass(frozen=True)
class DeltaSettings:
    """Settings of the spread (config section `deltas`).

    covariance_weight: λ of λC + KKᵀ. protected_weight: μ of protected keys, C + (μ/λ)·K₀ᵀK₀.
    key_templates: `uniform` or `grouped`.
    residual: `updated` (keys and residual re-measured after every layer) or `frozen`
    (those of the unedited model in every layer, as in the released code).
    solver: one of `memat.edit.solvers`; own: the settings that it declares for itself.
    spread: that of the values, `residual` or `layerwise` (`memat.edit.spread`).
    """

    covariance_weight: float
    key_templates: str = "uniform"
    residual: str = "updated"
    solver: str = DEFAULT
    own: Mapping[str, float] = field(default_factory=dict)
    spread: str = RESIDUAL
    protected_weight: float = 0.0


@dataclass(frozen=True)
class Delta:
    """Update of one MLP output projection: Δ = leftᵀ · right, (d_model, d_ff).

    left: (n_facts, d_model), right: (n_facts, d_ff), both float32.
    """

    left: torch.Tensor
    right: torch.Tensor

    def matrix(self, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return self.left.to(dtype).T @ self.right.to(dtype)


def spread(
    model: EditableModel,
    requests_by_language: Sequence[Sequence[EditRequest]],
    values: torch.Tensor,
    contexts_by_language: Sequence[Sequence[str]],
    covariance: Mapping[int, torch.Tensor],
    layers: Sequence[int],
    settings: DeltaSettings,
    token_budget: int,
    protected: Mapping[int, torch.Tensor] = NOTHING,
    earlier: Mapping[int, torch.Tensor] = NOTHING,
    shifts: Mapping[int, torch.Tensor] = NOTHING,
) -> tuple[dict[int, Delta], dict[int, torch.Tensor]]:
    """Deltas of all edit layers, bottom up, and the facts' keys K; the model is left as it came.

    values: z, (n_languages, n_facts, d_model), the first dimension left out of one language. With
    residual R = z − (output of the value layer, as edited so far, where the solver wants z), each
    layer gets the solver's share of R, through its keys: for MEMIT, layer i of L gets R/(L−i).
    Layerwise values have n_layers before that: each layer gets all of z − (output of its own
    projection, as edited so far). The factors of a delta have n_languages · n_facts rows, language
    by language.
    protected: K₀ of each edit layer, (n_subjects, d_ff) (`memat.edit.keys.subject_keys`).
    earlier: K_p of each edit layer, (n_earlier, d_ff): keys of the facts of edits that the model
    carries, whose outputs the solver is to leave alone (its `solve_after`).
    shifts: of transported keys, {layer: (n_targets, d_ff)} (`memat.edit.transported_keys`); the
    factors then have as many rows again for each of these languages.
    The keys returned, {layer: (n_languages · n_facts, d_ff) float32}, without transported ones, are
    those that the facts have with this edit in place: the key of a layer is read when the layers
    below it are written (with `frozen` residuals: those that they had before).
    Raises NonFiniteValue(layer, case id), ConfigError (unlike numbers of templates).
    """
    requests = [request for of_language in requests_by_language for request in of_language]
    wanted = values.double().reshape(-1, len(requests), model.d_model)  # by target module
    weights = template_weights(len(contexts_by_language[0]), settings.key_templates)
    reader = KeyReader(model, requests_by_language, contexts_by_language, weights, token_budget)
    solver = load_solver(settings.solver)
    points = hook_points_of(model, layers, settings.solver, settings.spread)
    deltas: dict[int, Delta] = {}
    found: dict[int, torch.Tensor] = {}
    with restored(model, layers):
        for number, layer in enumerate(layers):
            keys, outputs = reader.read(layer, points.target_module(number))
            _check(keys, "key", layer, requests)
            residual = wanted[number if points.layerwise else 0] - outputs
            _check(residual, "residual", layer, requests)
            size = float(residual.norm(dim=1).mean())
            log.info("layer %d: mean residual norm %.3f", layer, size)
            share = residual
            if not points.layerwise:
                share = solver.share(residual, len(layers) - number)
            found[layer] = keys.float()
            if layer in shifts:
                keys, share = with_transported(keys, share, shifts[layer])
            old = (covariance[layer], protected.get(layer), earlier.get(layer))
            right = _solve(keys, *old, settings, layer, model.device)
            deltas[layer] = Delta(share.float(), right.float())
            if settings.residual == "updated":
                add_delta(model, layer, deltas[layer])
    return deltas, found


def _solve(
    keys: torch.Tensor,
    moment: torch.Tensor,
    protected: torch.Tensor | None,
    earlier: torch.Tensor | None,
    settings: DeltaSettings,
    layer: int,
    device: torch.device,
) -> torch.Tensor:
    """The right factor in float64, on the processor; solved on `device` where it fits there."""

    def solved(on: torch.device) -> torch.Tensor:
        there, old = keys.to(on), moment.to(on, torch.float64)
        if protected is not None:
            weight = settings.protected_weight / settings.covariance_weight
            old = with_old_keys(old, protected, weight)
        solver = load_solver(settings.solver)
        if earlier is None or not len(earlier):
            return solver.solve(there, old, settings, layer)
        return solver.solve_after(there, earlier.to(there), old, settings, layer)

    try:
        return solved(device).cpu()
    except torch.OutOfMemoryError:
        log.warning("layer %d: out of memory on %s, solved on the processor", layer, device)
    torch.cuda.empty_cache()  # out here, where nothing holds the tensors of the failed solve
    return solved(torch.device("cpu"))


def add_delta(model: EditableModel, layer: int, delta: Delta) -> None:
    """Write one delta into the weights; summed in float64, stored in the model's dtype."""
    weight = model.mlp_matrix(layer)
    with torch.no_grad():
        there = Delta(delta.left.to(weight.device), delta.right.to(weight.device))
        weight.copy_((weight.double() + there.matrix()).to(weight.dtype))


@contextmanager
def restored(model: EditableModel, layers: Sequence[int]) -> Iterator[None]:
    """On leaving, the MLP output weights of `layers` are what they were, bit for bit."""
    kept = {layer: model.mlp_matrix(layer).detach().clone() for layer in layers}
    try:
        yield
    finally:
        with torch.no_grad():
            for layer, weight in kept.items():
                model.mlp_matrix(layer).copy_(weight)


@contextmanager
def edited(model: EditableModel, deltas: Mapping[int, Delta]) -> Iterator[EditableModel]:
    """The model with deltas applied; taken off bit for bit on leaving."""
    with restored(model, list(deltas)):
        for layer, delta in deltas.items():
            add_delta(model, layer, delta)
        yield model


def _check(tensor: torch.Tensor, what: str, layer: int, requests) -> None:
    bad = ~tensor.isfinite().all(1)
    if bool(bad.any()):
        cases = named_cases(requests, bad)
        raise NonFiniteValue(f"{what} of layer {layer} is not finite for case {cases}")
