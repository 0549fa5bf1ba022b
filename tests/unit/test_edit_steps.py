"""Editing in steps: a slow loop of solves with the keys of earlier facts, and its invariants."""

import dataclasses

import polars as pl
import pytest
import torch
from test_edit_scripts import folder, inputs, stage
from test_edit_solvers import random_moment
from test_edit_update import LAYERS, moments
from test_edit_values import CATALAN, CATALAN_CONTEXTS, CONTEXTS, REQUESTS, SETTINGS, places

import add_deltas
import edit_step as edit_step_script
from memat import io
from memat.edit import solvers
from memat.edit.keys import template_weights
from memat.edit.requests import requests_of_step
from memat.edit.solver import load_solver, solver_names, stepwise_fault
from memat.edit.step import LanguageRequests, StepSettings, edit_step
from memat.edit.storage import edited_by, read_deltas, read_step_keys, summed, write_deltas
from memat.edit.update import DeltaSettings, edited
from memat.errors import ConfigError, NotEnoughFacts
from memat.model.budget import token_budget
from memat.provenance import Provenance
from memat.text.languages import load_language
from one_language import optimise_values, spread
from oracles import oracle_key, oracle_output, oracle_value
from small_models import small_model
from workflow.project import REPOSITORY

assert folder  # a fixture
LAMBDA, SHARE, WIDTH = 3.0, 0.3, 0.4
OWN = {
    "alphaedit": {"null_share": SHARE, "delta_weight": WIDTH},
    "emmet": {"least_weight": 1e-12},
}
STEPS = [slice(0, 2), slice(2, 4), slice(4, 5)]
FEW = dataclasses.replace(SETTINGS, steps=4)
LANGUAGE = {
    code: load_language(REPOSITORY / f"resources/languages/{code}.yaml") for code in ("en", "ca")
}


def asked(part, *codes):
    each = {"en": (REQUESTS, CONTEXTS), "ca": (CATALAN, CATALAN_CONTEXTS)}
    return [LanguageRequests(LANGUAGE[c], each[c][0][part], each[c][1]) for c in codes]


def settings(solver="memit", combine="sum", spread="residual"):
    values = dataclasses.replace(FEW, spread=spread)
    own = OWN.get(solver, {})
    deltas = DeltaSettings(LAMBDA, solver=solver, own=own, spread=spread)
    return StepSettings(LAYERS, values, deltas, together=2, memory_mb=500, combine=combine)


def in_steps(model, how, codes=("en",), steps=STEPS, with_term=True):
    """The steps' edits, each found on the model with those before it."""
    found, covariance = [], moments(model)
    for part in steps:
        carried = summed([step.deltas for step in found]) if found else {}
        earlier = {n: torch.cat([s.keys[n] for s in found]) for n in LAYERS if found and with_term}
        with edited(model, carried):
            found.append(edit_step(model, asked(part, *codes), covariance, how, earlier=earlier))
    return found


def least_squares(keys, earlier, moment):
    """Rows x with x·K = I, x·K_p = 0 and x·√λ·C^½ = 0 as nearly as can be: by QR, no inverse."""
    root = torch.linalg.cholesky(LAMBDA * moment)
    wanted = torch.zeros(keys.shape[1] + earlier.shape[1] + len(root), keys.shape[1]).double()
    wanted[: keys.shape[1]] = torch.eye(keys.shape[1])
    return torch.linalg.lstsq(torch.cat([keys, earlier, root], 1).T, wanted).solution.T


def constrained(keys, earlier, moment):
    """argmin λ·tr(ΔCΔᵀ) + ‖ΔK_p‖² with ΔK = R, from the conditions of Lagrange."""
    n, d = keys.shape[1], len(moment)
    system = torch.zeros(d + n, d + n).double()
    system[:d, :d] = LAMBDA * moment + earlier @ earlier.T
    system[:d, d:], system[d:, :d] = keys, keys.T
    wanted = torch.cat([torch.zeros(d, n), torch.eye(n)]).double()
    return torch.linalg.solve(system, wanted)[:d].T


def projected(keys, earlier, moment):
    weights, directions = torch.linalg.eigh(moment)
    free = directions[:, weights.cumsum(0) <= SHARE * weights.sum()]
    onto, width = free @ free.T, WIDTH * torch.eye(len(moment)).double()
    system = earlier @ earlier.T @ onto + keys @ keys.T @ onto + width
    return keys.T @ onto @ torch.linalg.inv(system)


RIGHT = {
    "memit": least_squares,
    "pmet": least_squares,
    "emmet": constrained,
    "alphaedit": projected,
}


def slow_loop(model, solver, layerwise):
    """{layer: Δ} of each step: fact by fact, layer by layer, all written into the model."""
    weights, covariance = template_weights(len(CONTEXTS), "uniform"), moments(model)
    way = "layerwise" if layerwise else "pmet" if solver == "pmet" else "memit"
    modules = places(model, way, LAYERS[-1])
    module = model.blocks[LAYERS[-1]] if way == "memit" else modules[-1]
    earlier = {n: torch.zeros(model.mlp_matrix(n).shape[1], 0).double() for n in LAYERS}
    found = []
    for part in STEPS:
        requests, kl_prompt = REQUESTS[part], LANGUAGE["en"].kl_prompt
        z = [
            oracle_value(model, [r], [CONTEXTS], [kl_prompt], modules, FEW, layerwise)[0]
            for r in requests
        ]
        z = torch.cat(z, dim=-2).double()
        deltas = {}
        for i, layer in enumerate(LAYERS):
            keys = [oracle_key(model, r, CONTEXTS, weights, layer) for r in requests]
            keys = torch.stack(keys, 1)
            read = model.mlp_output(layer) if layerwise else module
            outputs = torch.stack([oracle_output(model, r, read) for r in requests], 1)
            wanted = z.reshape(-1, len(requests), model.d_model)[i if layerwise else 0]
            left = len(LAYERS) - i
            share = 1 if layerwise else left**0.5 if solver == "pmet" else left
            right = RIGHT[solver](keys, earlier[layer], covariance[layer].double())
            # as they are kept between steps: factors and keys in float32
            residual = ((wanted.T - outputs) / share).float().double()
            deltas[layer] = residual @ right.float().double()
            with torch.no_grad():
                model.mlp_matrix(layer).add_(deltas[layer].to(model.dtype))
            earlier[layer] = torch.cat([earlier[layer], keys.float().double()], 1)
        found.append(deltas)
    return found


WAYS = [(solver, "residual") for solver in solver_names()] + [("memit", "layerwise")]


@pytest.mark.parametrize(("solver", "spread_way"), WAYS)
def test_steps_are_the_slow_loop_of_solves(solver, spread_way):
    found = in_steps(small_model("llama"), settings(solver, spread=spread_way))
    expected = slow_loop(small_model("llama"), solver, spread_way == "layerwise")
    for step, deltas in zip(found, expected, strict=True):
        for layer, delta in deltas.items():
            away = (step.deltas[layer].matrix() - delta).norm() / delta.norm()
            assert float(away) < 1e-6, (layer, float(away))


@pytest.mark.parametrize("solver", solver_names())
@pytest.mark.parametrize("n_earlier", [1, 7, 20])
def test_the_term_is_that_of_the_normal_equations(solver, n_earlier):
    torch.manual_seed(n_earlier)
    keys, earlier = torch.randn(4, 12).double(), torch.randn(n_earlier, 12).double()
    moment, how = random_moment(12), settings(solver).deltas
    leaf = load_solver(solver)
    right = leaf.solve_after(keys, earlier, moment, how, 0)
    expected = RIGHT[solver](keys.T, earlier.T, moment)
    torch.testing.assert_close(right, expected, rtol=1e-6, atol=1e-8)
    without = leaf.solve(keys, moment, how, 0)
    assert float((right @ earlier.T).norm()) < float((without @ earlier.T).norm())
    none = leaf.solve_after(keys, earlier[:0], moment, how, 0)
    torch.testing.assert_close(none, without, rtol=1e-9, atol=1e-12)


def test_one_step_is_the_plain_edit_exactly():
    model, how = small_model("llama", torch.float32), settings()
    found = in_steps(model, how, steps=[slice(0, 5)])[0]
    kl_prompt, covariance = LANGUAGE["en"].kl_prompt, moments(model)
    budgets = {
        which: token_budget(model, how.memory_mb, gradients=which) for which in (True, False)
    }
    z = [
        optimise_values(
            model, REQUESTS[part], CONTEXTS, kl_prompt, LAYERS, how.values, budgets[True]
        ).z
        for part in (slice(0, 2), slice(2, 4), slice(4, 5))
    ]
    plain = spread(
        model, REQUESTS, torch.cat(z), CONTEXTS, covariance, LAYERS, how.deltas, budgets[False]
    )
    for layer, delta in plain.items():
        assert torch.equal(found.deltas[layer].left, delta.left)
        assert torch.equal(found.deltas[layer].right, delta.right)


@pytest.mark.parametrize("solver", solver_names())
def test_outputs_of_earlier_facts_move_less_with_the_term(solver):
    model = small_model("llama")

    def moved(with_term):
        first, second = in_steps(model, settings(solver), steps=STEPS[:2], with_term=with_term)
        pairs = ((second.deltas[n].matrix(), first.keys[n].double()) for n in LAYERS)
        return [float((delta @ keys.T).norm() / delta.norm()) for delta, keys in pairs]

    assert all(a < b for a, b in zip(moved(True), moved(False), strict=True))


@pytest.mark.parametrize("combine", ["sum", "joint", "stacked"])
def test_keys_of_all_languages_are_kept(combine):
    model = small_model("llama")
    found = in_steps(model, settings(combine=combine), ("en", "ca"), STEPS[:2])
    assert [len(step.keys[1]) for step in found] == [4, 4]
    weights = template_weights(len(CONTEXTS), "uniform")
    for requests, contexts, row in ((REQUESTS, CONTEXTS, 0), (CATALAN, CATALAN_CONTEXTS, 2)):
        key = oracle_key(model, requests[0], contexts, weights, 0)
        torch.testing.assert_close(found[0].keys[0][row].double(), key, rtol=1e-5, atol=1e-7)


def test_a_step_comes_off_and_leaves_the_model_before_it(tmp_path):
    model = small_model("llama", torch.float32)
    found = in_steps(model, settings())
    made_by = Provenance("test", {}, "0")
    paths = [tmp_path / f"step_{number}.safetensors" for number in range(len(found))]
    for path, step in zip(paths, found, strict=True):
        write_deltas(path, step.deltas, made_by, step.keys)
    kept = read_step_keys(paths[:2])
    assert read_step_keys([]) == {}
    for layer in LAYERS:
        assert torch.equal(kept[layer], torch.cat([step.keys[layer] for step in found[:2]]))
    base = [model.mlp_matrix(n).clone() for n in LAYERS]
    with edited(model, summed([step.deltas for step in found[:2]])):
        before = [model.mlp_matrix(n).clone() for n in LAYERS]
    all_steps = summed([read_deltas(path) for path in paths])
    last = read_deltas(paths[-1])
    for layer, whole in zip(LAYERS, before, strict=True):
        # factors of a sum stand side by side: without the last rows it is the sum before it
        rows = len(all_steps[layer].left) - len(last[layer].left)
        left, right = all_steps[layer].left[:rows], all_steps[layer].right[:rows]
        update = (left.double().T @ right.double()).float()
        torch.testing.assert_close(base[layer] + update, whole, rtol=1e-6, atol=1e-7)
        taken = all_steps[layer].matrix() - last[layer].matrix()
        torch.testing.assert_close(
            (base[layer].double() + taken).float(), whole, rtol=1e-6, atol=1e-7
        )
    with edited_by(model, paths[:2]):
        two = [model.mlp_matrix(n).clone() for n in LAYERS]
    for a, b in zip(two, before, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    assert all(torch.equal(model.mlp_matrix(n), base[n]) for n in LAYERS)


@pytest.mark.parametrize("keep_earlier", [True, False])
def test_the_script_makes_each_step_on_top_of_those_before(folder, monkeypatch, keep_earlier):
    model, paths = small_model("llama"), []
    monkeypatch.setattr(edit_step_script, "model_for", lambda _manifest, _compute: model)
    how = settings()
    for part in STEPS:
        path = folder / f"step_{part.start}.safetensors"
        edit_step_script.main(
            stage(
                {**inputs(folder, ("en",)), "earlier": list(paths)},
                {"step": path},
                {"values": vars(how.values), "deltas": vars(how.deltas)},
                compute={},
                layers=LAYERS,
                languages=["en"],
                language_keys=[{"kl_prompt": LANGUAGE["en"].kl_prompt}],
                combine="sum",
                keep_earlier=keep_earlier,
                block="0",
                start=part.start,
                end=part.stop,
                together=2,
            )
        )
        paths.append(path)
    expected = in_steps(model, how, with_term=keep_earlier)
    for path, step in zip(paths, expected, strict=True):
        for layer, delta in read_deltas(path).items():
            assert torch.equal(delta.matrix(), step.deltas[layer].matrix())
    add_deltas.main(stage({"deltas": paths}, {"deltas": folder / "sum.safetensors"}, {}))
    whole = read_deltas(folder / "sum.safetensors")
    assert len(whole[1].left) == len(REQUESTS)


def test_a_step_without_a_fact_in_the_language_says_so(folder):
    bilingual, blocks = (io.read_table(folder / f"{n}.parquet") for n in ("bilingual", "blocks"))
    lost = bilingual.filter((pl.col("language") == "en") | (pl.col("case_id") <= 2))
    requests = requests_of_step(lost, blocks, "0", 2, 4, ["en"])
    assert [request.case_id for request in requests[0]] == [3, 4]
    with pytest.raises(NotEnoughFacts, match="block 0, facts 2 to 3"):
        requests_of_step(lost, blocks, "0", 2, 4, ["en", "ca"])


def test_a_solver_without_the_term_is_refused(tmp_path, monkeypatch):
    (tmp_path / "bare.py").write_text(
        '"""Bare: no term (an example)."""\nLABEL = "Bare"\nVALUES = "memit"\nSETTINGS = {}\n'
        "def share(residual, layers_left):\n    return residual\n"
        "def solve(keys, moment, settings, layer):\n    return keys\n"
    )
    monkeypatch.setattr(solvers, "__path__", [*solvers.__path__, str(tmp_path)])
    told = stepwise_fault("bare")
    assert "bare has no term for the keys of earlier edits" in told
    assert all(name in told for name in ("memit", "pmet", "emmet", "alphaedit"))
    assert stepwise_fault("memit") is None
    model = small_model("llama")
    first = in_steps(model, settings(), steps=STEPS[:1])[0]
    with pytest.raises(ConfigError, match="bare has no term"):
        edit_step(model, asked(STEPS[1], "en"), {}, settings("bare"), earlier=first.keys)
