"""The batched value optimisation against the plain one-fact loop, and its invariants.

MEMIT, PMET (two δs per fact), a joint δ (the prompts of two languages), and layerwise (a δ in
every edit layer), alone and joint.
"""

import dataclasses
import json
from contextlib import ExitStack

import pytest
import torch

from memat.edit.values import ValueSettings
from memat.edit.values import optimise_values as optimise_joint_values
from memat.errors import ConfigError, NonFiniteValue
from memat.model.hooks import output_changed
from memat.model.load import load_model
from memat.model.sentences import EditRequest, request_sentence
from one_language import optimise_values
from oracles import oracle_value
from small_models import NORMED, SHAPES, TOLERANCE, small_model
from text_samples import DEMO_FACTS
from workflow.project import REPOSITORY

REQUESTS = [
    EditRequest(1, "The mother tongue of {} is", "Marie Curie", "French"),
    EditRequest(2, "{} plays the", "Miles Davis", "organ and the sky"),
    EditRequest(3, "{} toca l'", "Jimi Hendrix", "orgue", joined=True),
    EditRequest(4, "La llengua materna d'{} és el", "Anna", "polonès"),
    EditRequest(5, "Because of that, the capital city of {} is", "France", "Marie"),
]
CONTEXTS = ["{}", "The sky is blue. {}", "Therefore, it is the case that. {}"]
# the same facts in a second language, where names and lengths differ
CATALAN = [
    EditRequest(1, "La llengua materna de {} és el", "Marie Curie", "francès"),
    EditRequest(2, "{} toca l'", "en Miles Davis", "orgue", joined=True),
    EditRequest(3, "Jo sé que {} toca la", "Jimi Hendrix", "trompeta"),
    EditRequest(4, "{} parla", "Anna Karènina", "polonès"),
    EditRequest(5, "La capital de {} és", "França", "Marie"),
]
CATALAN_CONTEXTS = ["{}", "El cel és blau. {}", "Per tant. {}"]
SETTINGS = ValueSettings(0.3, 9, 2.0, 0.5, 0.0625, 0.05)

ENGLISH = (REQUESTS, CONTEXTS, "{} is a")
LANGUAGES = {
    "memit": [ENGLISH],
    "pmet": [ENGLISH],
    "joint": [ENGLISH, (CATALAN, CATALAN_CONTEXTS, "{} és")],
}
LANGUAGES |= {"layerwise": LANGUAGES["memit"], "layerwise-joint": LANGUAGES["joint"]}
LAYERS = [0, 1, 2]
WAYS = sorted(LANGUAGES)


def run(model, way="memit", order=slice(None), budget=64, settings=SETTINGS, layer=1):
    """Values of the facts in `order`; z and h₀ are (n_languages, n_facts, d_model), and of the
    layerwise ways (n_layers, n_languages, n_facts, d_model)."""
    layers = [layer]
    if way.startswith("layerwise"):
        settings = dataclasses.replace(settings, spread="layerwise")
        layers = LAYERS if layer == 1 else [0, layer]
    requests, contexts, kl_prompts = zip(*LANGUAGES[way], strict=True)
    requests = [of_language[order] for of_language in requests]
    solver = "pmet" if way == "pmet" else "memit"
    return optimise_joint_values(
        model, requests, contexts, kl_prompts, layers, settings, budget, solver
    )


def places(model, way, layer=1):
    if way == "pmet":
        return [model.attention_output(layer), model.mlp_output(layer)]
    if way.startswith("layerwise"):
        return [model.mlp_output(number) for number in LAYERS]
    return [model.blocks[layer]]


def loop(model, way, fact, settings=SETTINGS):
    """z, h₀ and losses of one fact by the plain loop."""
    requests, contexts, kl_prompts = zip(*LANGUAGES[way], strict=True)
    requests = [of_language[fact] for of_language in requests]
    modules, layerwise = places(model, way), way.startswith("layerwise")
    return oracle_value(model, requests, contexts, kl_prompts, modules, settings, layerwise)


ALL_FACTS = range(len(REQUESTS))
# several target tokens, and a target that follows without a space
TWO_FACTS = (1, 2)


def assert_same_as_the_loop(model, way, found, settings=SETTINGS, tolerance=1e-9, facts=ALL_FACTS):
    for i in facts:
        z, initial, losses = loop(model, way, i, settings)
        torch.testing.assert_close(
            found.initial[..., i, :], initial, rtol=tolerance, atol=tolerance
        )
        # z can be much longer than δ, so agreement is asked of δ itself
        delta, wanted = found.z[..., i, :] - found.initial[..., i, :], z - initial
        assert (delta - wanted).norm() <= 10 * tolerance * wanted.norm()
        mine = found.losses[i][found.losses[i].isfinite()]
        assert mine.tolist() == pytest.approx(losses, rel=10 * tolerance)


# a joint δ is added where MEMIT's is, PMET's in places of its own
CASES = [(name, way) for name in sorted(SHAPES) for way in ("memit", "pmet")]
CASES = [case for case in CASES if case[0] not in NORMED]
CASES += [(name, "layerwise") for name in sorted(SHAPES)]


@pytest.mark.parametrize(
    ("name", "way"),
    [*CASES, ("llama", "joint"), ("falcon", "joint"), ("gemma3_text", "layerwise-joint")],
)
def test_batched_values_equal_the_one_fact_loop(name, way):
    """All facts of a batch; the loop goes through all of one model, and two of the others."""
    model, facts = small_model(name), ALL_FACTS if name == "llama" else TWO_FACTS
    tolerance = TOLERANCE.get(name, 1e-9)
    assert_same_as_the_loop(model, way, run(model, way), tolerance=tolerance, facts=facts)


def test_a_norm_behind_the_mlp_takes_layerwise_values_only():
    with pytest.raises(ConfigError, match=r"values\.spread: residual .*post_feedforward_layernorm"):
        run(small_model("gemma3_text"))


def test_values_of_pmet_are_not_layerwise():
    settings = dataclasses.replace(SETTINGS, spread="layerwise")
    with pytest.raises(ConfigError, match="pmet optimises values of its own"):
        run(small_model("llama"), "pmet", settings=settings)


@pytest.mark.parametrize("bos", [False, True])
def test_layerwise_values_are_what_the_model_gives_with_all_of_them_in_place(bos):
    """z of an upper layer is not u + δ, and putting z in place of every output changes nothing."""
    model = small_model("gemma3_text", bos=bos)
    found, request = run(model, "layerwise"), REQUESTS[0]
    sentence = request_sentence(model.tokenizer, request)
    assert (sentence.ids[0] == model.tokenizer.bos_token_id) == bos
    at = sentence.subject_last
    seen = []
    with ExitStack() as hooks:
        for number, module in enumerate(places(model, "layerwise")):
            delta = found.z[number, 0, 0] - found.initial[number, 0, 0]
            first = number == 0  # only there nothing below has changed

            def put(output, number=number, delta=delta, first=first):
                output = output.clone()
                output[0, at] = output[0, at] + delta if first else found.z[number, 0, 0]
                seen.append(output[0, at])
                return output

            hooks.enter_context(output_changed(module, put))
        model.last_hidden(torch.tensor([sentence.ids]))
    torch.testing.assert_close(torch.stack(seen), found.z[:, 0, 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_a_bos_token_changes_nothing_in_the_agreement(way):
    model = small_model("gemma3_text" if way.startswith("layerwise") else "llama", bos=True)
    assert_same_as_the_loop(model, way, run(model, way), facts=TWO_FACTS)


@pytest.mark.parametrize("way", WAYS)
def test_bfloat16_weights_end_at_the_losses_of_float32(way):
    model = small_model("llama", dtype=torch.bfloat16)
    settings = dataclasses.replace(SETTINGS, stop_loss=0.0)
    rough = run(model, way, settings=settings)
    model.network.float()
    exact = run(model, way, settings=settings)
    assert rough.z.dtype == exact.z.dtype == torch.float32
    torch.testing.assert_close(rough.losses[:, -1], exact.losses[:, -1], rtol=0.02, atol=0)


@pytest.mark.parametrize("way", WAYS)
def test_each_fact_stops_alone_and_stays_where_it_stopped(way):
    model = small_model("llama")
    losses = run(model, way).losses
    fastest = losses[(losses[:, 0] - losses[:, 4]).argmax()]
    early = dataclasses.replace(SETTINGS, stop_loss=float(fastest[3:5].mean()))
    found = run(model, way, settings=early)
    lengths = set(found.losses.isfinite().sum(1).tolist())
    assert len(lengths) > 1, "the facts should need different numbers of steps"
    assert lengths & set(range(2, SETTINGS.steps)), "one should stop half-way"
    assert_same_as_the_loop(model, way, found, early)


@pytest.mark.parametrize("way", WAYS)
def test_facts_do_not_depend_on_their_order_or_batch(way):
    model = small_model("llama")
    found = run(model, way)
    backwards = run(model, way, slice(None, None, -1), budget=1000)
    torch.testing.assert_close(backwards.z.flip(-2), found.z, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_out_of_memory_halves_the_batches_for_good_says_so_and_changes_nothing(
    way, monkeypatch, caplog
):
    from memat.edit import values as module

    model = small_model("llama")
    expected, whole, refused = run(model, way, budget=1000), module.run_suffixes, []

    def small_only(model, batch, hidden):
        if len(hidden) > 3 and torch.is_grad_enabled():
            refused.append(len(hidden))
            raise torch.OutOfMemoryError("as if")
        return whole(model, batch, hidden)

    monkeypatch.setattr(module, "run_suffixes", small_only)
    found = run(model, way, budget=1000)
    torch.testing.assert_close(found.z, expected.z, rtol=1e-9, atol=1e-9)
    assert "out of memory: going on with half batches" in caplog.text
    # at most 40 rows: refused in the first step only
    assert 0 < len(refused) <= 20


@pytest.mark.parametrize("way", WAYS)
def test_the_change_stays_within_the_clamp(way):
    model = small_model("llama")
    tight = dataclasses.replace(SETTINGS, clamp=0.1)
    found = run(model, way, settings=tight)
    moved = (found.z - found.initial).norm(dim=-1)
    ratio = moved / found.initial.norm(dim=-1).mean(-2, keepdim=True)
    ratio = ratio[0] if way.startswith("layerwise") else ratio  # above, z is not u + δ
    assert ratio.max() <= 0.1 * (1 + 1e-9)
    assert ratio.max() > 0.099, "the bound should be reached here"


def test_one_language_is_the_joint_case_of_one():
    model = small_model("llama")
    alone = optimise_values(model, REQUESTS, CONTEXTS, "{} is a", [1], SETTINGS, 64)
    assert torch.equal(alone.z, run(model).z[0])
    assert torch.equal(alone.initial, run(model).initial[0])


def test_the_same_language_twice_gives_its_own_values():
    """Terms and norms of a joint δ are means over languages, not sums."""
    model = small_model("llama")
    twice = optimise_joint_values(
        model, [REQUESTS] * 2, [CONTEXTS] * 2, ["{} is a"] * 2, [1], SETTINGS, 64
    )
    alone = run(model)
    for language in range(2):
        torch.testing.assert_close(twice.z[language], alone.z[0], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(twice.losses, alone.losses, rtol=1e-9, atol=0, equal_nan=True)


@pytest.mark.parametrize(("name", "parallel"), [("falcon", True), ("gptj", True), ("llama", False)])
def test_pmets_deltas_are_halves_of_memits_where_attention_and_mlp_are_parallel(name, parallel):
    """Both are added to the residual stream there, so they get the same gradient, and Adam moves
    their sum as MEMIT's δ at twice the rate. In a sequential block the MLP sees δ of attention."""
    model = small_model(name)
    free = dataclasses.replace(SETTINGS, learning_rate=0.1, clamp=100.0, weight_decay=0.0)
    pmet = run(model, "pmet", settings=free)
    memit = run(model, settings=dataclasses.replace(free, learning_rate=0.2))
    half = (memit.z - memit.initial) / 2
    error = (pmet.z - pmet.initial - half).norm() / half.norm()
    assert error < 1e-6 if parallel else error > 0.05


def test_pmet_shared_by_languages_is_refused():
    requests, contexts, kl_prompts = zip(*LANGUAGES["joint"], strict=True)
    with pytest.raises(ConfigError, match="solver pmet finds no δ that several languages share"):
        optimise_joint_values(
            small_model("llama"), requests, contexts, kl_prompts, [1], SETTINGS, 64, "pmet"
        )


def test_languages_with_other_facts_are_refused():
    with pytest.raises(ConfigError, match="the same facts in the same order"):
        optimise_joint_values(
            small_model("llama"),
            [REQUESTS, CATALAN[::-1]],
            [CONTEXTS, CATALAN_CONTEXTS],
            ["{} is a", "{} és"],
            [1],
            SETTINGS,
            64,
        )


def test_an_unknown_solver_is_refused():
    with pytest.raises(ConfigError, match=r"solvers: 'rome' is unknown; allowed: .*memit, pmet"):
        optimise_values(small_model("llama"), *ENGLISH, [1], SETTINGS, 64, "rome")


@pytest.mark.parametrize("way", WAYS)
def test_a_broken_weight_names_the_facts(way):
    model = small_model("llama")
    with torch.no_grad():
        model.mlp_matrix(3)[0, 0] = float("nan")
    with pytest.raises(NonFiniteValue, match="case 1, 2"):
        run(model, way)


@pytest.mark.parametrize("way", WAYS)
def test_the_last_layer_cannot_be_the_value_layer(way):
    model = small_model("llama")
    with pytest.raises(ConfigError, match="below the last layer, 3"):
        run(model, way, layer=3)


REAL = REPOSITORY / "resources/models/smollm2-135m-instruct/manifest.json"


@pytest.mark.skipif(not REAL.exists(), reason="the real model is not prepared")
def test_real_model_in_float32_agrees_with_the_loop():
    model = load_model(REAL)
    records = json.loads(DEMO_FACTS.read_text(encoding="utf-8"))[:2]
    rewrites = [record["requested_rewrite"] for record in records]
    requests = [
        EditRequest(i, r["prompt"], r["subject"], r["target_new"]["str"])
        for i, r in enumerate(rewrites)
    ]
    settings = ValueSettings(0.5, 4, 0.75, 0.5, 0.0625, 0.05)
    found = optimise_values(model, requests, CONTEXTS, "{} is a", [10], settings, 2048)
    for i, request in enumerate(requests):
        z, _initial, _losses = oracle_value(
            model, [request], [CONTEXTS], ["{} is a"], [model.blocks[10]], settings
        )
        assert (found.z[i] - z[0]).norm() / z.norm() < 1e-4
