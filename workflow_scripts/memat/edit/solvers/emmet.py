"""EMMET: MEMIT's objective with the new facts as equality constraints (Gupta et al. 2024).

Among all updates that give every new key exactly its share of the residual, the one that
changes old keys least: minimise tr(ΔCΔᵀ) with ΔK = R.
"""

import logging

from memat.study.section import Section, Share

log = logging.getLogger("memat")

LABEL = "EMMET"
VALUES = "memit"


class Deltas(Section):
    """Of experiments with solver: emmet."""

    least_weight: Share = 0.0001
    """directions of the new keys below this part of the strongest are left out"""


SETTINGS = {"deltas": Deltas}


def share(residual, layers_left):
    """Every layer takes an equal part of what is left."""
    return residual / layers_left


def solve(keys, moment, settings, layer):
    """(KᵀC⁻¹K)⁻¹KᵀC⁻¹, the inverse being a pseudo-inverse.

    Keys that are nearly equal (one subject in two facts, or in two languages) cannot each
    have a residual of their own: eigenvectors of KᵀC⁻¹K with an eigenvalue below
    `least_weight` of the largest are left out, so that such keys share their mean. A key
    dimension that never fires (zero on the diagonal of C) gets no weight.
    """
    import torch

    from memat.edit.linear import cholesky, require_finite

    alive = moment.diagonal() > 0
    result = torch.zeros_like(keys)
    if not bool(alive.any()):
        return result
    living = keys[:, alive].T
    scaled = torch.cholesky_solve(living, cholesky(moment[alive][:, alive], layer))
    weights, directions = torch.linalg.eigh(living.T @ scaled)
    kept = weights > settings.own["least_weight"] * weights[-1]
    log.info("layer %d: %d of %d constraints are independent", layer, int(kept.sum()), len(kept))
    inverse = directions[:, kept] / weights[kept] @ directions[:, kept].T
    result[:, alive] = inverse @ scaled.T
    return require_finite(result, layer)


def solve_after(keys, earlier, moment, settings, layer):
    """The same with C + K_pK_pᵀ/λ for C: minimise λ·tr(ΔCΔᵀ) + ‖ΔK_p‖² with ΔK = R.

    The new facts are constraints, earlier ones are not: together they may be more than the keys
    have dimensions.
    """
    from memat.edit.linear import with_old_keys

    held = with_old_keys(moment, earlier, 1 / settings.covariance_weight)
    return solve(keys, held, settings, layer)
