"""Linear algebra that solvers share: systems with a second moment of keys, in float64."""

import logging

import torch

from memat.errors import NonFiniteValue

log = logging.getLogger("memat")


def solve_keys(
    keys: torch.Tensor, covariance: torch.Tensor, weight: float, layer: int
) -> torch.Tensor:
    """Kᵀ(λC + KKᵀ)⁻¹ with facts as rows, (n_facts, d_ff), float64.

    Through the n×n system: with A = (λC)⁻¹K, (λC + KKᵀ)⁻¹K = A(I + KᵀA)⁻¹. A key
    dimension that never fires (zero on the diagonal of C) is left out of the solve.
    Raises NonFiniteValue(layer).
    """
    alive = covariance.diagonal() > 0
    result = torch.zeros_like(keys)
    if not bool(alive.any()):
        return result
    moment = weight * covariance[alive][:, alive]
    factor = cholesky(moment, layer)
    living = keys[:, alive].T
    scaled = torch.cholesky_solve(living, factor)
    inner = identity(keys) + living.T @ scaled
    result[:, alive] = torch.linalg.solve(inner, scaled.T)
    return require_finite(result, layer)


def with_old_keys(moment: torch.Tensor, keys: torch.Tensor, weight: float) -> torch.Tensor:
    """C + w·KᵀK, (d_ff, d_ff), keys: K as rows, (n_keys, d_ff): keys whose outputs must not change.

    w = μ/λ makes each an old association of weight μ in λC + KKᵀ; with μ = 1 it counts as much as
    a new one.
    """
    keys = keys.to(moment)
    return moment + weight * keys.T @ keys


def cholesky(moment: torch.Tensor, layer: int) -> torch.Tensor:
    """Cholesky factor of a moment, (n, n); a ridge is added, and recorded in the log, only
    where one is needed. Raises NonFiniteValue(layer)."""
    factor, failed = torch.linalg.cholesky_ex(moment)
    ridge = 1e-10 * float(moment.diagonal().mean())
    while int(failed) and ridge < float(moment.diagonal().mean()):
        log.warning("layer %d: second moment is singular, ridge %.3g added", layer, ridge)
        factor, failed = torch.linalg.cholesky_ex(moment + ridge * identity(moment))
        ridge *= 10
    if int(failed):
        raise NonFiniteValue(f"second moment of layer {layer} has no Cholesky factor")
    return factor


def identity(like: torch.Tensor) -> torch.Tensor:
    """The identity with as many rows as `like` has, of its dtype and on its device."""
    return torch.eye(len(like), dtype=like.dtype, device=like.device)


def require_finite(solved: torch.Tensor, layer: int) -> torch.Tensor:
    """The tensor as it came. Raises NonFiniteValue(layer)."""
    if not bool(solved.isfinite().all()):
        raise NonFiniteValue(f"solve of layer {layer} is not finite")
    return solved
