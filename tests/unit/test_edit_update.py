"""Keys, solve and spread against the literal formulas."""

import dataclasses
import random

import pytest
import torch
from test_edit_covariance import covariance
from test_edit_values import CATALAN, CATALAN_CONTEXTS, CONTEXTS, REQUESTS

from memat.edit import update
from memat.edit.keys import KeyReader, template_weights
from memat.edit.linear import solve_keys
from memat.edit.solver import load_solver, solver_names
from memat.edit.storage import summed
from memat.edit.update import Delta, DeltaSettings, edited
from memat.errors import ConfigError, NonFiniteValue
from one_language import spread, spread_joint
from oracles import oracle_key, oracle_output, oracle_spread
from small_models import NORMED, SHAPES, TEXTS, small_model

LAYERS = [0, 1, 2]


def moments(model, layers=LAYERS):
    """C from random word orders, lifted to full rank: in layer 0 of a parallel block a key is
    a function of one token, and there are fewer tokens than key dimensions."""
    words = " ".join(TEXTS).split()
    shuffler = random.Random(0)
    texts = [" ".join(shuffler.sample(words, len(words))) for _ in range(12)]
    found = covariance(model, texts, layers, 2000, 32, 512)[0]
    return {n: c + 0.01 * c.diagonal().mean() * torch.eye(len(c)) for n, c in found.items()}


def wanted_values(model, *languages):
    generator = torch.Generator().manual_seed(3)
    size = (*languages, len(REQUESTS), model.d_model)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def paired(*languages):
    """Every request with the templates of its language."""
    return [(request, contexts) for requests, contexts in languages for request in requests]


ENGLISH = paired((REQUESTS, CONTEXTS))


def assert_deltas_are(deltas, expected):
    for layer in LAYERS:
        error = (deltas[layer].matrix() - expected[layer]).norm() / expected[layer].norm()
        assert error < 1e-6, (layer, float(error))


@pytest.mark.parametrize(
    ("name", "mode"),
    [("llama", "uniform"), *((name, "grouped") for name in sorted(set(SHAPES) - set(NORMED)))],
)
def test_the_spread_is_the_literal_formula(name, mode):
    model = small_model(name)
    covariance, values = moments(model), wanted_values(model)
    settings = DeltaSettings(3.0, mode)
    deltas = spread(model, REQUESTS, values, CONTEXTS, covariance, LAYERS, settings, 48)
    weights = template_weights(len(CONTEXTS), mode)
    assert_deltas_are(
        deltas, oracle_spread(model, ENGLISH, values, weights, covariance, LAYERS, 3.0)
    )


@pytest.mark.parametrize(
    ("name", "languages"), [*((name, 1) for name in sorted(SHAPES)), ("gemma3_text", 2)]
)
def test_the_layerwise_spread_is_the_literal_formula(name, languages):
    """Every layer takes all of what its own projection lacks, on the model as edited so far."""
    model = small_model(name)
    covariance, values = moments(model), wanted_values(model, len(LAYERS), languages)
    requests = [REQUESTS, CATALAN][:languages]
    contexts = [CONTEXTS, CATALAN_CONTEXTS][:languages]
    settings = DeltaSettings(3.0, "grouped", spread="layerwise")
    deltas = spread_joint(model, requests, values, contexts, covariance, LAYERS, settings, 48)
    weights, pairs = template_weights(3, "grouped"), paired(*zip(requests, contexts, strict=True))
    expected = oracle_spread(
        model, pairs, values.flatten(1, 2), weights, covariance, LAYERS, 3.0, layerwise=True
    )
    assert_deltas_are(deltas, expected)


@pytest.mark.parametrize("solver", ["memit", "alphaedit", "emmet"])
def test_layerwise_values_go_through_the_solve_of_a_solver(solver):
    """A light solve writes every layer's value exactly, as the layers below meet theirs."""
    model = small_model("gemma3_text")
    own = {"null_share": 0.5, "delta_weight": 1e-9, "least_weight": 1e-12}
    settings = DeltaSettings(1e-9, solver=solver, own=own, spread="layerwise")
    values, covariance = wanted_values(model, len(LAYERS)), moments(model)
    deltas = spread(model, REQUESTS, values, ["{}"], covariance, LAYERS, settings, 48)
    with edited(model, deltas):
        for number, layer in enumerate(LAYERS):
            for i, request in enumerate(REQUESTS):
                found = oracle_output(model, request, model.mlp_output(layer))
                torch.testing.assert_close(found, values[number, i], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["llama", "falcon", "falcon-new", "gpt2", "opt"])
def test_pmets_spread_is_the_literal_formula(name):
    """Residual of the MLP output; R/√(L−i)."""
    model = small_model(name)
    covariance, values = moments(model), wanted_values(model)
    settings = DeltaSettings(3.0, solver="pmet")
    deltas = spread(model, REQUESTS, values, CONTEXTS, covariance, LAYERS, settings, 48)
    weights = template_weights(len(CONTEXTS), "uniform")
    expected = oracle_spread(
        model, ENGLISH, values, weights, covariance, LAYERS, 3.0, model.mlp_output(2), 0.5
    )
    assert_deltas_are(deltas, expected)


@pytest.mark.parametrize("name", ["llama", "falcon"])
@pytest.mark.parametrize("mode", ["uniform", "grouped"])
def test_the_spread_of_joint_values_has_a_key_per_fact_and_language(name, mode):
    model = small_model(name)
    covariance, values = moments(model), wanted_values(model, 2)
    requests, contexts = [REQUESTS, CATALAN], [CONTEXTS, CATALAN_CONTEXTS]
    settings = DeltaSettings(3.0, mode)
    deltas = spread_joint(model, requests, values, contexts, covariance, LAYERS, settings, 48)
    weights, pairs = template_weights(3, mode), paired(*zip(requests, contexts, strict=True))
    expected = oracle_spread(model, pairs, values.flatten(0, 1), weights, covariance, LAYERS, 3.0)
    assert_deltas_are(deltas, expected)


def test_languages_with_unlike_numbers_of_templates_are_refused():
    model = small_model("llama")
    with pytest.raises(ConfigError, match="equally many context templates"):
        spread_joint(
            model,
            [REQUESTS, CATALAN],
            wanted_values(model, 2),
            [CONTEXTS, CATALAN_CONTEXTS[:2]],
            moments(model),
            LAYERS,
            DeltaSettings(3.0),
            48,
        )


def test_keys_and_outputs_follow_the_weights_as_they_change():
    model = small_model("llama")
    weights = template_weights(len(CONTEXTS), "uniform")
    reader = KeyReader(model, [REQUESTS], [CONTEXTS], weights, 48)
    for layer in LAYERS:
        keys, outputs = reader.read(layer, model.blocks[2])
        for i, request in enumerate(REQUESTS):
            torch.testing.assert_close(
                keys[i], oracle_key(model, request, CONTEXTS, weights, layer)
            )
            torch.testing.assert_close(outputs[i], oracle_output(model, request, model.blocks[2]))
        with torch.no_grad():
            model.mlp_matrix(layer).add_(torch.randn_like(model.mlp_matrix(layer)) * 0.1)


@pytest.mark.parametrize("solver", ["memit", "pmet"])
@pytest.mark.parametrize("name", ["llama", "falcon"])
def test_a_light_covariance_makes_the_edit_exact(name, solver):
    """λ → 0 with independent keys: one layer's edit gives every fact its wanted output."""
    model = small_model(name)
    values, module = wanted_values(model), model.blocks[2]
    if solver == "pmet":
        module = model.mlp_output(2)
    settings = DeltaSettings(1e-9, solver=solver)
    deltas = spread(model, REQUESTS, values, ["{}"], moments(model), [2], settings, 48)
    with edited(model, deltas):
        for i, request in enumerate(REQUESTS):
            torch.testing.assert_close(
                oracle_output(model, request, module), values[i], rtol=1e-4, atol=1e-4
            )


def test_frozen_residual_measures_the_unedited_model_in_every_layer():
    """The released code's way: same first layer, other later layers."""
    model = small_model("llama")
    covariance, values = moments(model), wanted_values(model)
    settings = DeltaSettings(3.0)
    updated = spread(model, REQUESTS, values, CONTEXTS, covariance, LAYERS, settings, 48)
    frozen_settings = dataclasses.replace(settings, residual="frozen")
    frozen = spread(model, REQUESTS, values, CONTEXTS, covariance, LAYERS, frozen_settings, 48)
    assert torch.equal(updated[0].matrix(), frozen[0].matrix())
    outputs = torch.stack([oracle_output(model, r, model.blocks[2]) for r in REQUESTS])
    for number, layer in enumerate(LAYERS):
        share = (values - outputs) / (len(LAYERS) - number)
        torch.testing.assert_close(frozen[layer].left.double(), share, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(updated[2].matrix(), frozen[2].matrix(), rtol=1e-2)


def test_permuting_facts_leaves_the_update_as_it_is():
    model = small_model("llama")
    covariance, values = moments(model), wanted_values(model)
    settings = DeltaSettings(3.0)
    one = spread(model, REQUESTS, values, CONTEXTS, covariance, LAYERS, settings, 48)
    two = spread(model, REQUESTS[::-1], values.flip(0), CONTEXTS, covariance, LAYERS, settings, 48)
    for layer in LAYERS:
        torch.testing.assert_close(one[layer].matrix(), two[layer].matrix(), rtol=1e-5, atol=1e-7)


def test_a_dead_key_dimension_gets_no_weight_and_spoils_nothing():
    keys = torch.randn(4, 6, dtype=torch.float64)
    keys[:, 2] = 0
    root = torch.randn(6, 6, dtype=torch.float64)
    covariance = root @ root.T
    covariance[2] = covariance[:, 2] = 0
    right = solve_keys(keys, covariance, 0.5, layer=0)
    alive = [0, 1, 3, 4, 5]
    system = 0.5 * covariance[alive][:, alive] + keys[:, alive].T @ keys[:, alive]
    expected = torch.linalg.solve(system, keys[:, alive].T).T
    torch.testing.assert_close(right[:, alive], expected)
    assert right[:, 2].abs().max() == 0


def test_a_singular_moment_is_solved_with_a_recorded_ridge(caplog):
    keys = torch.randn(3, 6, dtype=torch.float64)
    thin = torch.randn(6, 2, dtype=torch.float64)
    right = solve_keys(keys, thin @ thin.T, 1.0, layer=7)
    assert right.isfinite().all()
    assert "layer 7: second moment is singular, ridge" in caplog.text


def alphaedit(keys, covariance, null_share, delta_weight=1.0):
    own = {"null_share": null_share, "delta_weight": delta_weight}
    return load_solver("alphaedit").solve(keys, covariance, DeltaSettings(1.0, own=own), 0)


def test_alphaedit_is_the_literal_formula_and_leaves_protected_keys_alone():
    keys = torch.randn(4, 12, dtype=torch.float64)
    root = torch.randn(12, 5, dtype=torch.float64)  # old keys in 5 of 12 directions
    covariance = root @ root.T
    right = alphaedit(keys, covariance, null_share=1e-6, delta_weight=0.3)
    old = torch.linalg.qr(root).Q
    projector = torch.eye(12, dtype=torch.float64) - old @ old.T
    columns = keys.T
    expected = columns.T @ projector
    expected = expected @ torch.linalg.inv(columns @ columns.T @ projector + 0.3 * torch.eye(12))
    torch.testing.assert_close(right, expected)
    # an old key gives no change; every new one moves towards its share
    assert (right @ root).abs().max() < 1e-9
    assert bool(((right @ columns).diagonal() > 0.5).all())


def test_alphaedit_without_a_free_direction_says_so():
    with pytest.raises(ConfigError, match=r"null_share: 0.02 leaves no direction of layer 0"):
        alphaedit(torch.randn(2, 5).double(), torch.eye(5).double(), null_share=0.02)


def test_alphaedits_spread_goes_through_the_model_as_edited_so_far():
    model = small_model("llama")
    values, thin = wanted_values(model), {}
    for layer, moment in moments(model).items():
        found, directions = torch.linalg.eigh(moment)
        found[: len(found) // 2] = 0  # half of the directions are free
        thin[layer] = directions @ found.diag() @ directions.T
    own = {"null_share": 1e-6, "delta_weight": 1e-9}
    settings = DeltaSettings(3.0, solver="alphaedit", own=own)
    deltas = spread(model, REQUESTS, values, ["{}"], thin, [2], settings, 48)
    with edited(model, deltas):
        for i, request in enumerate(REQUESTS):
            torch.testing.assert_close(
                oracle_output(model, request, model.blocks[2]), values[i], rtol=1e-4, atol=1e-4
            )


def test_the_sum_of_deltas_is_the_sum_of_their_matrices():
    one, two = ({n: Delta(torch.randn(k, 6), torch.randn(k, 9)) for n in LAYERS} for k in (3, 5))
    for layer, delta in summed([one, two]).items():
        torch.testing.assert_close(delta.matrix(), one[layer].matrix() + two[layer].matrix())


def test_non_finite_values_name_the_fact():
    model = small_model("llama")
    values = wanted_values(model)
    values[3, 0] = float("nan")
    with pytest.raises(NonFiniteValue, match="residual of layer 0 is not finite for case 4"):
        spread(model, REQUESTS, values, CONTEXTS, moments(model), LAYERS, DeltaSettings(3.0), 48)


def test_keys_halve_their_batches_on_out_of_memory(monkeypatch, caplog):
    model = small_model("llama")
    arguments = (REQUESTS, wanted_values(model), CONTEXTS, moments(model), LAYERS)
    arguments += (DeltaSettings(3.0), 4096)
    expected = spread(model, *arguments)
    whole = type(model).last_hidden

    def small_only(self, ids, *args, **kwargs):
        if len(ids) > 2:
            raise torch.OutOfMemoryError("as if")
        return whole(self, ids, *args, **kwargs)

    monkeypatch.setattr(type(model), "last_hidden", small_only)
    found = spread(model, *arguments)
    for layer in LAYERS:
        torch.testing.assert_close(found[layer].matrix(), expected[layer].matrix())
    assert "out of memory: going on with half batches" in caplog.text


@pytest.mark.parametrize("solver", solver_names())
def test_a_solve_too_large_for_the_device_is_done_on_the_processor(solver, monkeypatch, caplog):
    keys = torch.randn(3, 8, dtype=torch.float64)
    moment = torch.diag(torch.arange(1.0, 9.0))
    leaf = load_solver(solver)
    own = leaf.SETTINGS["deltas"]().model_dump() if "deltas" in leaf.SETTINGS else {}
    settings = DeltaSettings(3.0, solver=solver, own={**own, "null_share": 0.5})
    protected = torch.randn(2, 8)
    expected = update._solve(keys, moment, protected, None, settings, 0, torch.device("cpu"))
    whole = leaf.solve

    def only_on_the_processor(keys, moment, *args):
        if keys.device.type != "cpu" or moment.device.type != "cpu":
            raise torch.OutOfMemoryError("as if")
        return whole(keys, moment, *args)

    monkeypatch.setattr(leaf, "solve", only_on_the_processor)
    found = update._solve(keys, moment, protected, None, settings, 4, torch.device("meta"))
    assert found.equal(expected)
    assert "layer 4: out of memory on meta, solved on the processor" in caplog.text
