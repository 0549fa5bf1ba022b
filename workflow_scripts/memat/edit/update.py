"""The update of MLP output projections: solve (eq. 5), spread over the edit layers, apply.

A delta is kept as two factors, Δ = leftᵀ · right with left (n_facts, d_model) and
right (n_facts, d_ff), so that a block of facts costs n·(d_model + d_ff) numbers.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from memat.edit.keys import KeyReader, template_weights
from memat.edit.places import value_places
from memat.edit.requests import named_cases
from memat.errors import ConfigError, NonFiniteValue
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest

log = logging.getLogger("memat")


@dataclass(frozen=True)
class DeltaSettings:
    """Settings of the spread (config section `deltas`).

    covariance_weight: λ of λC + KKᵀ. key_templates: `uniform` or `grouped`.
    residual: `updated` (keys and residual re-measured after every layer) or `frozen`
    (those of the unedited model in every layer, as in the released code).
    solver: `memit`, `alphaedit` with its null_share and delta_weight, or `pmet` (residual of
    the MLP output, shares of one over the root of the layers left; solved as in `memit`).
    """

    covariance_weight: float
    key_templates: str = "uniform"
    residual: str = "updated"
    solver: str = "memit"
    null_share: float = 0.05
    delta_weight: float = 10.0


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
    requests: Sequence[EditRequest],
    values: torch.Tensor,
    contexts: Sequence[str],
    covariance: Mapping[int, torch.Tensor],
    layers: Sequence[int],
    settings: DeltaSettings,
    token_budget: int,
) -> dict[int, Delta]:
    """Deltas of all edit layers, bottom up; the model is left as it came.

    values: z, (n_facts, d_model). With residual R = z − (block output of the value layer as
    edited so far; for PMET its MLP output), layer i of L gets R/(L−i), for PMET R/√(L−i),
    through its keys.
    Raises NonFiniteValue(layer, case id).
    """
    return spread_joint(
        model, [requests], values, [contexts], covariance, layers, settings, token_budget
    )


def spread_joint(
    model: EditableModel,
    requests_by_language: Sequence[Sequence[EditRequest]],
    values: torch.Tensor,
    contexts_by_language: Sequence[Sequence[str]],
    covariance: Mapping[int, torch.Tensor],
    layers: Sequence[int],
    settings: DeltaSettings,
    token_budget: int,
) -> dict[int, Delta]:
    """`spread` for one or more languages: each fact has a key and a residual in every one.

    values: z, (n_languages, n_facts, d_model) or (n_facts, d_model). The factors of the
    deltas have n_languages · n_facts rows, language by language.
    Raises NonFiniteValue(layer, case id), ConfigError (unlike numbers of templates).
    """
    requests = [request for of_language in requests_by_language for request in of_language]
    wanted = values.double().reshape(len(requests), model.d_model)
    weights = template_weights(len(contexts_by_language[0]), settings.key_templates)
    reader = KeyReader(model, requests_by_language, contexts_by_language, weights, token_budget)
    written = value_places(model, layers[-1], settings.solver).written
    deltas: dict[int, Delta] = {}
    with restored(model, layers):
        for number, layer in enumerate(layers):
            keys, outputs = reader.read(layer, written)
            _check(keys, "key", layer, requests)
            residual = wanted - outputs
            _check(residual, "residual", layer, requests)
            size = float(residual.norm(dim=1).mean())
            log.info("layer %d: mean residual norm %.3f", layer, size)
            share = residual / _parts(len(layers) - number, settings.solver)
            right = _solve(keys, covariance[layer], settings, layer, model.device)
            deltas[layer] = Delta(share.float(), right.float())
            if settings.residual == "updated":
                add_delta(model, layer, deltas[layer])
    return deltas


def _parts(layers_left: int, solver: str) -> float:
    """What a layer's residual is divided by; PMET (Li et al. 2023) gives lower layers more."""
    return layers_left**0.5 if solver == "pmet" else layers_left


def _solve(
    keys: torch.Tensor,
    moment: torch.Tensor,
    settings: DeltaSettings,
    layer: int,
    device: torch.device,
) -> torch.Tensor:
    """The right factor in float64, on the processor; solved on `device` where it fits there."""

    def solved(on: torch.device) -> torch.Tensor:
        there, old = keys.to(on), moment.to(on, torch.float64)
        if settings.solver == "alphaedit":
            share, weight = settings.null_share, settings.delta_weight
            return solve_in_null_space(there, old, share, weight, layer)
        return solve_keys(there, old, settings.covariance_weight, layer)

    try:
        return solved(device).cpu()
    except torch.OutOfMemoryError:
        log.warning("layer %d: out of memory on %s, solved on the processor", layer, device)
    torch.cuda.empty_cache()  # out here, where nothing holds the tensors of the failed solve
    return solved(torch.device("cpu"))


def solve_keys(
    keys: torch.Tensor, covariance: torch.Tensor, weight: float, layer: int
) -> torch.Tensor:
    """Kᵀ(λC + KKᵀ)⁻¹ with facts as rows, (n_facts, d_ff), float64.

    Through the n×n system: with A = (λC)⁻¹K, (λC + KKᵀ)⁻¹K = A(I + KᵀA)⁻¹. A key
    dimension that never fires (zero on the diagonal of C) is left out of the solve.
    """
    alive = covariance.diagonal() > 0
    result = torch.zeros_like(keys)
    if not bool(alive.any()):
        return result
    moment = weight * covariance[alive][:, alive]
    factor = _cholesky(moment, layer)
    living = keys[:, alive].T
    scaled = torch.cholesky_solve(living, factor)
    inner = _identity(len(keys), keys) + living.T @ scaled
    result[:, alive] = torch.linalg.solve(inner, scaled.T)
    if not bool(result.isfinite().all()):
        raise NonFiniteValue(f"solve of layer {layer} is not finite")
    return result


def solve_in_null_space(
    keys: torch.Tensor, covariance: torch.Tensor, share: float, weight: float, layer: int
) -> torch.Tensor:
    """AlphaEdit's KᵀP(KKᵀP + weight·I)⁻¹ with facts as rows, (n_facts, d_ff), float64.

    Fang et al. 2025, eq. 12 without earlier edits. P projects onto the directions in which
    old keys have little moment: the eigenvectors of C with the smallest eigenvalues, as many
    as together hold at most `share` of its trace. Through the n×n system: with A = PK it is
    (AᵀA + weight·I)⁻¹Aᵀ.
    Raises NonFiniteValue(layer), ConfigError (no such direction).
    """
    moments, directions = torch.linalg.eigh(covariance)
    free = moments.clamp_min(0).cumsum(0) <= share * moments.sum()
    log.info("layer %d: %d of %d directions are free", layer, int(free.sum()), len(free))
    if not bool(free.any()):
        raise ConfigError(
            f"deltas.alphaedit.null_share: {share} leaves no direction of layer {layer} free"
        )
    projected = keys @ directions[:, free] @ directions[:, free].T
    inner = projected @ projected.T + weight * _identity(len(keys), keys)
    result = torch.linalg.solve(inner, projected)
    if not bool(result.isfinite().all()):
        raise NonFiniteValue(f"solve of layer {layer} is not finite")
    return result


def _cholesky(moment: torch.Tensor, layer: int) -> torch.Tensor:
    """Cholesky factor; a ridge is added, and recorded in the log, only where one is needed."""
    factor, failed = torch.linalg.cholesky_ex(moment)
    ridge = 1e-10 * float(moment.diagonal().mean())
    while int(failed) and ridge < float(moment.diagonal().mean()):
        log.warning("layer %d: second moment is singular, ridge %.3g added", layer, ridge)
        factor, failed = torch.linalg.cholesky_ex(moment + ridge * _identity(len(moment), moment))
        ridge *= 10
    if int(failed):
        raise NonFiniteValue(f"second moment of layer {layer} has no Cholesky factor")
    return factor


def _identity(n: int, like: torch.Tensor) -> torch.Tensor:
    return torch.eye(n, dtype=like.dtype, device=like.device)


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
