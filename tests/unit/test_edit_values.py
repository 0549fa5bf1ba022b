"""The batched value optimisation against the plain one-fact loop, and its invariants."""

import dataclasses
import json

import pytest
import torch

from memat.edit.values import ValueSettings, optimise_values
from memat.errors import ConfigError, NonFiniteValue
from memat.model.load import load_model
from memat.model.sentences import EditRequest
from oracles import oracle_value
from small_models import SHAPES, TOLERANCE, small_model
from workflow.project import REPOSITORY

REQUESTS = [
    EditRequest(1, "The mother tongue of {} is", "Marie Curie", "French"),
    EditRequest(2, "{} plays the", "Miles Davis", "organ and the sky"),
    EditRequest(3, "{} toca l'", "Jimi Hendrix", "orgue", joined=True),
    EditRequest(4, "La llengua materna d'{} és el", "Anna", "polonès"),
    EditRequest(5, "Because of that, the capital city of {} is", "France", "Marie"),
]
CONTEXTS = ["{}", "The sky is blue. {}", "Therefore, it is the case that. {}"]
SETTINGS = ValueSettings(0.3, 9, 2.0, 0.5, 0.0625, 0.05)


def run(model, requests=REQUESTS, budget=64, settings=SETTINGS, layer=1):
    return optimise_values(model, requests, CONTEXTS, "{} is a", layer, settings, budget)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_batched_values_equal_the_one_fact_loop(name):
    model, tolerance = small_model(name), TOLERANCE.get(name, 1e-9)
    found = run(model)
    for i, request in enumerate(REQUESTS):
        z, initial, losses = oracle_value(model, request, CONTEXTS, "{} is a", 1, SETTINGS)
        torch.testing.assert_close(found.initial[i], initial, rtol=tolerance, atol=tolerance)
        assert (found.z[i] - z).norm() / z.norm() < max(1e-6, 10 * tolerance)
        mine = found.losses[i][found.losses[i].isfinite()]
        assert mine.tolist() == pytest.approx(losses, rel=max(1e-6, 10 * tolerance))


def test_a_bos_token_changes_nothing_in_the_agreement():
    model = small_model("llama", bos=True)
    found = run(model)
    for i, request in enumerate(REQUESTS):
        z, _initial, _losses = oracle_value(model, request, CONTEXTS, "{} is a", 1, SETTINGS)
        assert (found.z[i] - z).norm() / z.norm() < 1e-6


def test_each_fact_stops_alone_and_stays_where_it_stopped():
    model = small_model("llama")
    early = dataclasses.replace(SETTINGS, stop_loss=5.85, steps=12)
    found = run(model, settings=early)
    lengths = found.losses.isfinite().sum(1).tolist()
    assert len(set(lengths)) > 1, "the facts should need different numbers of steps"
    for i, request in enumerate(REQUESTS):
        z, _initial, losses = oracle_value(model, request, CONTEXTS, "{} is a", 1, early)
        assert lengths[i] == len(losses)
        assert (found.z[i] - z).norm() / z.norm() < 1e-6


def test_facts_do_not_depend_on_their_order_or_batch():
    model = small_model("llama")
    found = run(model)
    backwards = run(model, REQUESTS[::-1], budget=1000)
    torch.testing.assert_close(backwards.z.flip(0), found.z, rtol=1e-9, atol=1e-9)


def test_out_of_memory_halves_the_batches_for_good_says_so_and_changes_nothing(monkeypatch, caplog):
    from memat.edit import values as module

    model = small_model("llama")
    expected, whole, refused = run(model, budget=1000), module.run_suffixes, []

    def small_only(model, batch, hidden):
        if len(hidden) > 3 and torch.is_grad_enabled():
            refused.append(len(hidden))
            raise torch.OutOfMemoryError("as if")
        return whole(model, batch, hidden)

    monkeypatch.setattr(module, "run_suffixes", small_only)
    found = run(model, budget=1000)
    torch.testing.assert_close(found.z, expected.z, rtol=1e-9, atol=1e-9)
    assert "out of memory: going on with half batches" in caplog.text
    # 20 rows in at most 8 batches: refused in the first step only
    assert 0 < len(refused) <= 20


def test_the_change_stays_within_the_clamp():
    model = small_model("llama")
    tight = dataclasses.replace(SETTINGS, clamp=0.1)
    found = run(model, settings=tight)
    ratio = (found.z - found.initial).norm(dim=1) / found.initial.norm(dim=1)
    assert ratio.max() <= 0.1 * (1 + 1e-9)
    assert ratio.max() > 0.099, "the bound should be reached here"


def test_a_broken_weight_names_the_facts():
    model = small_model("llama")
    with torch.no_grad():
        model.mlp_matrix(3)[0, 0] = float("nan")
    with pytest.raises(NonFiniteValue, match="case 1, 2"):
        run(model)


def test_the_last_layer_cannot_be_the_value_layer():
    model = small_model("llama")
    with pytest.raises(ConfigError, match="below the last layer, 3"):
        run(model, layer=3)


REAL = REPOSITORY / "resources/models/smollm2-135m-instruct/manifest.json"
FACTS = REPOSITORY.parent / "shared/data/counterfact_250.json"


@pytest.mark.skipif(not (REAL.exists() and FACTS.exists()), reason="real model or facts absent")
def test_real_model_in_float32_agrees_with_the_loop():
    model = load_model(REAL)
    records = json.loads(FACTS.read_text())[:2]
    rewrites = [record["requested_rewrite"] for record in records]
    requests = [
        EditRequest(i, r["prompt"], r["subject"], r["target_new"]["str"])
        for i, r in enumerate(rewrites)
    ]
    settings = ValueSettings(0.5, 4, 0.75, 0.5, 0.0625, 0.05)
    found = optimise_values(model, requests, CONTEXTS, "{} is a", 10, settings, 2048)
    for i, request in enumerate(requests):
        z, _initial, _losses = oracle_value(model, request, CONTEXTS, "{} is a", 10, settings)
        assert (found.z[i] - z).norm() / z.norm() < 1e-4
