"""PMET: values of attention and MLP optimised together, the MLP written (Li et al. 2023)."""

from memat.edit.hook_points import HookPoints
from memat.study.section import Positive, Section

LABEL = "PMET"
VALUES = "pmet"
JOINT = False


class Values(Section):
    """Of experiments with solver: pmet; the rest as above."""

    learning_rate: Positive = 1.0
    """of both of its changes"""


SETTINGS = {"values": Values}


def value_hook_points(model, layer):
    """One δ for the output of attention and one for that of the MLP, the target module."""
    modules = (model.attention_output(layer), model.mlp_output(layer))
    return HookPoints(modules, model.blocks[layer], layer)


def share(residual, layers_left):
    """Lower layers take more than an equal part."""
    return residual / layers_left**0.5


def solve(keys, moment, settings, layer):
    """Kᵀ(λC + KKᵀ)⁻¹, as MEMIT."""
    from memat.edit.linear import solve_keys

    return solve_keys(keys, moment, settings.covariance_weight, layer)


def solve_after(keys, earlier, moment, settings, layer):
    """Kᵀ(λC + K_pK_pᵀ + KKᵀ)⁻¹, as MEMIT."""
    from memat.edit.linear import with_old_keys

    held = with_old_keys(moment, earlier, 1 / settings.covariance_weight)
    return solve(keys, held, settings, layer)
