"""Edits as most tests ask for them: deltas alone, and in one language without its dimension."""

from memat.edit import update, values
from memat.edit.update import NOTHING
from memat.edit.values import Values


def spread(model, requests, z, contexts, covariance, layers, settings, budget, protected=NOTHING):
    """The deltas of one language. z: (n_facts, d_model), or with n_layers before that."""
    return spread_joint(
        model, [requests], z, [contexts], covariance, layers, settings, budget, protected
    )


def spread_joint(*arguments, shifts=NOTHING):
    """The deltas of several languages, without the keys."""
    return update.spread(*arguments, shifts=shifts)[0]


def optimise_values(model, requests, contexts, kl_prompt, *arguments):
    """z and h₀ of one language, (n_facts, d_model), or with n_layers before that."""
    found = values.optimise_values(model, [requests], [contexts], [kl_prompt], *arguments)
    return Values(found.z[..., 0, :, :], found.initial[..., 0, :, :], found.losses)
