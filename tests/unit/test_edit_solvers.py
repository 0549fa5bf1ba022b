"""Solvers are leaves: what each must have, and EMMET against its constrained problem."""

import subprocess
import sys

import pytest
import torch

from memat.edit.solver import (
    DEFAULT,
    can_be_joint,
    load_solver,
    solver_names,
    solvers_in_words,
    values_solver,
)
from memat.edit.update import DeltaSettings
from memat.study.config import Config
from memat.study.section import Section
from workflow.project import REPOSITORY


@pytest.mark.parametrize("name", solver_names())
def test_a_solver_has_what_a_leaf_needs(name):
    leaf = load_solver(name)
    assert leaf.LABEL.isprintable()
    values = load_solver(leaf.VALUES)
    assert leaf.VALUES == values.VALUES, "values come from a solver that has its own"
    assert isinstance(values.JOINT, bool)
    assert callable(values.value_hook_points)
    for section, settings in leaf.SETTINGS.items():
        assert issubclass(settings, Section)
        assert getattr(getattr(Config(), section), name) == settings()
    assert leaf.share(torch.tensor([6.0]), 1) == 6.0, "the last layer takes all that is left"


def test_solvers_are_listed_with_what_they_do_the_default_first():
    words = solvers_in_words()
    assert words.startswith(
        "memit (least squares over old and new keys; the default) | alphaedit ("
    )
    assert "| emmet (MEMIT's objective with the new facts as equality constraints) |" in words


def test_reading_every_solver_loads_no_tensors():
    """The plan reads them before any job, in every process."""
    code = (
        "import sys\n"
        "from memat.edit.solver import load_solver, solver_names\n"
        "print([load_solver(name).LABEL for name in solver_names()])\n"
        "assert 'torch' not in sys.modules"
    )
    folder = REPOSITORY / "workflow_scripts"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_a_solver_may_carry_the_values_of_another():
    assert values_solver("emmet") == DEFAULT
    assert can_be_joint("alphaedit")
    assert not can_be_joint("pmet")


def emmet(keys, moment, least_weight=1e-10):
    settings = DeltaSettings(1.0, solver="emmet", own={"least_weight": least_weight})
    return load_solver("emmet").solve(keys, moment, settings, layer=0)


def random_moment(d_ff):
    root = torch.randn(d_ff, 2 * d_ff, dtype=torch.float64)
    return root @ root.T / d_ff


def constrained(keys, residual, moment):
    """argmin tr(ΔCΔᵀ) with ΔK = R, row by row, from the conditions of Lagrange:
    [C K; Kᵀ 0]·[Δᵀ; μ] = [0; Rᵀ]."""
    n, d_ff = keys.shape
    system = torch.zeros(d_ff + n, d_ff + n, dtype=torch.float64)
    system[:d_ff, :d_ff] = moment
    system[:d_ff, d_ff:] = keys.T
    system[d_ff:, :d_ff] = keys
    rows = []
    for wanted in residual.T:
        right = torch.cat([torch.zeros(d_ff, dtype=torch.float64), wanted])
        rows.append(torch.linalg.solve(system, right)[:d_ff])
    return torch.stack(rows)


@pytest.mark.parametrize("n_facts", [1, 5, 11])
def test_emmet_solves_the_constrained_problem(n_facts):
    torch.manual_seed(n_facts)
    keys = torch.randn(n_facts, 12, dtype=torch.float64)
    residual = torch.randn(n_facts, 7, dtype=torch.float64)
    moment = random_moment(12)
    delta = residual.T @ emmet(keys, moment)
    expected = constrained(keys, residual, moment)
    torch.testing.assert_close(delta, expected, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(delta @ keys.T, residual.T, rtol=1e-8, atol=1e-8)


def test_emmet_is_memit_with_a_vanishing_weight():
    torch.manual_seed(0)
    keys, moment = torch.randn(4, 12, dtype=torch.float64), random_moment(12)
    right = load_solver("memit").solve(keys, moment, DeltaSettings(1e-9), 0)
    torch.testing.assert_close(emmet(keys, moment), right, rtol=1e-6, atol=1e-8)


def test_emmet_gives_equal_keys_the_mean_of_their_residuals():
    torch.manual_seed(0)
    keys = torch.randn(4, 12, dtype=torch.float64)
    keys[3] = keys[2] + 1e-9 * torch.randn(12, dtype=torch.float64)
    residual = torch.randn(4, 7, dtype=torch.float64)
    written = residual.T @ emmet(keys, random_moment(12), least_weight=1e-6) @ keys.T
    wanted = residual.clone()
    wanted[2:] = residual[2:].mean(0)
    torch.testing.assert_close(written, wanted.T, rtol=1e-6, atol=1e-6)


def test_emmet_gives_a_dead_key_dimension_no_weight():
    torch.manual_seed(0)
    keys, moment = torch.randn(3, 9, dtype=torch.float64), random_moment(9)
    alive = [n for n in range(9) if n != 4]
    keys[:, 4] = moment[4] = moment[:, 4] = 0
    right = emmet(keys, moment)
    expected = emmet(keys[:, alive], moment[alive][:, alive])
    torch.testing.assert_close(right[:, alive], expected)
    assert right[:, 4].abs().max() == 0
