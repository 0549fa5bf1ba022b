"""AlphaEdit: writes only where old keys have next to no moment (Fang et al. 2025)."""

import logging

from memat.errors import ConfigError
from memat.study.section import Positive, Section, Share

log = logging.getLogger("memat")

LABEL = "AlphaEdit"
VALUES = "memit"


class Deltas(Section):
    """Of experiments with solver: alphaedit."""

    null_share: Share = 0.05
    """share of the old keys' second moment that may be written over"""
    delta_weight: Positive = 10.0
    """weight of the update's own norm"""


SETTINGS = {"deltas": Deltas}


def share(residual, layers_left):
    """Every layer takes an equal part of what is left."""
    return residual / layers_left


def solve(keys, moment, settings, layer):
    """KᵀP(KKᵀP + w·I)⁻¹, w being `delta_weight`: eq. 12 without earlier edits.

    Raises NonFiniteValue(layer), ConfigError (no free direction).
    """
    return solve_after(keys, keys[:0], moment, settings, layer)


def solve_after(keys, earlier, moment, settings, layer):
    """KᵀP(K_pK_pᵀP + KKᵀP + w·I)⁻¹, eq. 12: K_p are the keys of earlier edits.

    P projects onto the directions in which old keys have little moment: the eigenvectors of
    C with the smallest eigenvalues, as many as together hold at most `null_share` of its
    trace. Through the n×n system: with A = PK it is (AᵀB + w·I)⁻¹Bᵀ, B = A without what earlier
    keys A_p = PK_p take of it: B = A − A_p(A_pᵀA_p + w·I)⁻¹A_pᵀA, which is A where there are none.
    Raises NonFiniteValue(layer), ConfigError (no free direction).
    """
    import torch

    from memat.edit.linear import identity, require_finite

    weight = settings.own["delta_weight"]

    moments, directions = torch.linalg.eigh(moment)
    free = moments.clamp_min(0).cumsum(0) <= settings.own["null_share"] * moments.sum()
    log.info("layer %d: %d of %d directions are free", layer, int(free.sum()), len(free))
    if not bool(free.any()):
        raise ConfigError(
            f"deltas.alphaedit.null_share: {settings.own['null_share']} leaves no direction of"
            f" layer {layer} free"
        )
    projected, before = (
        part @ directions[:, free] @ directions[:, free].T for part in (keys, earlier)
    )
    rest = projected
    if len(before):
        among = before @ before.T + weight * identity(before)
        rest = projected - projected @ before.T @ torch.linalg.solve(among, before)
    inner = projected @ rest.T + weight * identity(keys)
    return require_finite(torch.linalg.solve(inner, rest), layer)
