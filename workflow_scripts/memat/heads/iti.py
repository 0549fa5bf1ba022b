"""Inference-time intervention: head vectors read off the activations, nothing is optimised.

Li et al. 2023; the paper's appendix I, with which it compares its corrections.
"""

from collections.abc import Sequence

import torch

from memat.heads.activations import HeadActivations
from memat.heads.deployment import Corrections


def iti_shifts(
    activations: HeadActivations,
    inside: torch.Tensor,
    heads: Sequence[tuple[int, int]],
    alpha: float,
) -> Corrections:
    """ω = α·σ·d of each head; d is the unit vector from mean(o^c) to mean(o*).

    inside: sentences that may be used, (n_sentences,) bool. σ is the standard deviation of
    their activations along d. A head whose means are equal gets a zero vector. Heads of one
    layer add up, also in the released code.
    """
    labels = activations.labels[inside] > 0
    omega = []
    for layer, head in heads:
        values = activations.values[inside, layer, head].double()
        difference = values[labels].mean(0) - values[~labels].mean(0)
        direction = difference / difference.norm().clamp_min(1e-12)
        omega.append(alpha * (values @ direction).std(correction=0) * direction)
    return Corrections(list(heads), torch.stack(omega).float(), torch.zeros(0))
