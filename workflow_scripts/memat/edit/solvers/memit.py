"""MEMIT: least squares over old and new keys (Meng et al. 2023b, eq. 5)."""

from memat.edit.hook_points import HookPoints

LABEL = "MEMIT"
VALUES = "memit"
JOINT = True
SETTINGS = {}


def value_hook_points(model, layer):
    """δ is added to the output of the value layer's block, which is the target module."""
    block = model.blocks[layer]
    return HookPoints((block,), block, layer + 1)


def share(residual, layers_left):
    """Every layer takes an equal part of what is left."""
    return residual / layers_left


def solve(keys, moment, settings, layer):
    """Kᵀ(λC + KKᵀ)⁻¹."""
    from memat.edit.linear import solve_keys

    return solve_keys(keys, moment, settings.covariance_weight, layer)


def solve_after(keys, earlier, moment, settings, layer):
    """Kᵀ(λC + K_pK_pᵀ + KKᵀ)⁻¹: what minimises ‖ΔK − R‖² + λ·tr(ΔCΔᵀ) + ‖ΔK_p‖²."""
    from memat.edit.linear import with_old_keys

    held = with_old_keys(moment, earlier, 1 / settings.covariance_weight)
    return solve(keys, held, settings, layer)
