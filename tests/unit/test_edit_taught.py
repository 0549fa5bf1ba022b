"""Taught values: what the teacher says, values against the plain loop, and the solve with them."""

import dataclasses

import polars as pl
import pytest
import torch
from test_edit_scripts import (
    CODES,
    KL_PROMPTS,
    PROVENANCE,
    find_values,
    folder,
    inputs,
    solve,
    spread_of,
    stage,
)
from test_edit_stacked import OWN, RIGHT
from test_edit_update import assert_deltas_are, moments, paired
from test_edit_values import (
    CATALAN,
    CATALAN_CONTEXTS,
    CONTEXTS,
    LAYERS,
    REQUESTS,
    SETTINGS,
    places,
)

import optimise_taught_values as script
from memat import io
from memat.edit.keys import template_weights
from memat.edit.solver import solver_names, values_solver
from memat.edit.taught_values import (
    examples_for_block,
    optimise_taught_values,
    teacher_answers,
    told_question,
)
from memat.errors import ConfigError, NotEnoughFacts
from memat.evaluate.context import with_context
from memat.model.hooks import output_changed
from memat.model.sentences import EditRequest, request_sentence
from memat.study.models import IN_CONTEXT
from memat.tensors import read_tensors
from oracles import oracle_spread, oracle_taught_value
from small_models import TOLERANCE, small_model

assert folder  # a fixture
TOKENS = 3
LAMBDA = 3.0


EXAMPLES = [
    (EditRequest(8, "{} speaks", "Carla", "Danish"), EditRequest(8, "{} parla", "Carla", "danès")),
]


def run(model, way="memit", order=slice(None), budget=64, settings=SETTINGS, tokens=TOKENS):
    """Values of the English facts taught in Catalan, (…, 1, n_facts, d_model)."""
    layers = [1]
    if way == "layerwise":
        settings, layers = dataclasses.replace(settings, spread="layerwise"), LAYERS
    return optimise_taught_values(
        *(model, REQUESTS[order], CATALAN[order], CATALAN_CONTEXTS, "{} és"),
        *(layers, settings, budget, "pmet" if way == "pmet" else "memit"),
        tokens=tokens,
        examples=EXAMPLES,
    )


def loop(model, way, fact, settings=SETTINGS, tokens=TOKENS):
    return oracle_taught_value(
        *(model, REQUESTS[fact], CATALAN[fact], CATALAN_CONTEXTS, "{} és"),
        *(places(model, way), settings, tokens, EXAMPLES, way == "layerwise"),
    )


WAYS = [("llama", way) for way in ("memit", "pmet", "layerwise")]
WAYS += [("falcon", "memit"), ("gemma2", "layerwise"), ("gemma3_text", "layerwise")]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_taught_values_equal_the_one_fact_loop(name, way):
    model, tolerance = small_model(name), TOLERANCE.get(name, 1e-9)
    found = run(model, way)
    for fact in (0, 2, 3):
        z, initial, losses = loop(model, way, fact)
        delta, wanted = found.z[..., fact, :] - found.initial[..., fact, :], z - initial
        close = {"rtol": tolerance, "atol": tolerance}
        torch.testing.assert_close(found.initial[..., fact, :], initial, **close)
        assert (delta - wanted).norm() <= 10 * tolerance * wanted.norm()
        mine = found.losses[fact][found.losses[fact].isfinite()]
        assert mine.tolist() == pytest.approx(losses, rel=10 * tolerance)


def test_the_teacher_reads_what_in_context_editing_asks():
    rows = [
        {"case_id": r.case_id, "language": code, "role": "target_new", "prompt_type": "rewrite"}
        | {"index": 0, "prompt": r.prompt, "target": r.target, "joined": r.joined}
        for code, requests in (("en", REQUESTS), ("ca", CATALAN))
        for r in requests
    ]
    asked = with_context(small_model("llama"), pl.DataFrame(rows), IN_CONTEXT, "en", 64)
    wanted = asked.filter(language="ca")["prompt"].to_list()
    assert [told_question(*both) for both in zip(REQUESTS, CATALAN, strict=True)] == wanted


def test_the_teacher_says_its_likeliest_tokens_up_to_the_end_of_the_text():
    model = small_model("llama")
    texts = [told_question(*both) for both in zip(REQUESTS, CATALAN, strict=True)]
    free = teacher_answers(model, texts, 4, 64)
    for number, text in enumerate(texts):
        ids = model.tokenizer(text)["input_ids"]
        for place, token in enumerate(free.said[number]):
            logits = model.network(torch.tensor([ids])).logits[0, -1]
            torch.testing.assert_close(
                free.log_probabilities[place, number], logits.log_softmax(-1).detach()
            )
            assert token == int(logits.argmax())
            ids.append(token)
    kept = model.tokenizer
    kept.eos_token = kept.convert_ids_to_tokens(free.said[0][1])
    try:
        ended = teacher_answers(model, texts, 4, 1000)
    finally:
        kept.eos_token = "</s>"
    end = free.said[0][1]
    for short, long in zip(ended.said, free.said, strict=True):
        assert short == (long[: long.index(end) + 1] if end in long else long)
    assert not ended.log_probabilities[2:, 0].any()


def test_teaching_brings_the_model_to_what_the_teacher_says():
    """Without a term that keeps the values small; KL is measured afterwards, with z in place."""
    model = small_model("llama")
    free = dataclasses.replace(SETTINGS, clamp=100.0, weight_decay=0.0, kl_factor=0.0, steps=40)
    found = run(model, settings=free, tokens=1)
    texts = [told_question(*both, EXAMPLES) for both in zip(REQUESTS, CATALAN, strict=True)]
    teacher = teacher_answers(model, texts, 1, 64).log_probabilities[0]
    for number, question in enumerate(CATALAN):
        asked = dataclasses.replace(question, target="", joined=False)
        sentence = request_sentence(model.tokenizer, asked)

        def put(output, at=sentence.subject_last, z=found.z[0, number]):
            output = output.clone()
            output[0, at] = z
            return output

        def divergence(hidden, followed=teacher[number]):
            now = model.log_probabilities(hidden[0, -1])
            return float((now.exp() * (now - followed)).sum())

        ids = torch.tensor([sentence.ids])
        before = divergence(model.last_hidden(ids))
        with output_changed(model.blocks[1], put):
            after = divergence(model.last_hidden(ids))
        assert after < 0.9 * before


def test_no_target_of_the_question_is_read():
    model = small_model("llama")
    others = [dataclasses.replace(r, target="el cel", joined=False) for r in CATALAN]
    arguments = (CATALAN_CONTEXTS, "{} és", [1], SETTINGS, 64)
    found = optimise_taught_values(model, REQUESTS, others, *arguments, tokens=2, examples=EXAMPLES)
    assert torch.equal(found.z, run(model, tokens=2).z)


def test_facts_do_not_depend_on_their_order_or_batch():
    model = small_model("llama")
    found = run(model, "layerwise")
    backwards = run(model, "layerwise", slice(None, None, -1), budget=1000)
    torch.testing.assert_close(backwards.z.flip(-2), found.z, rtol=1e-9, atol=1e-9)


def test_the_last_layer_cannot_be_the_value_layer():
    arguments = (REQUESTS, CATALAN, CATALAN_CONTEXTS, "{} és", [3], SETTINGS, 64)
    with pytest.raises(ConfigError, match="below the last layer, 3"):
        optimise_taught_values(small_model("llama"), *arguments, tokens=1)


def table(cases):
    """Rewrite rows of the English and Catalan facts, as they stand in the bilingual table."""
    rows = [
        {"language": code, "role": "target_new", "prompt_type": "rewrite", "index": 0}
        | vars(request)
        for code, requests in (("en", REQUESTS), ("ca", CATALAN))
        for request in requests
        if (code, request.case_id) in cases
    ]
    return pl.DataFrame(rows)


def test_examples_are_donor_facts_in_both_languages_and_never_edited():
    both = [(code, case) for code in ("en", "ca") for case in (1, 3, 4, 5)] + [("en", 2)]
    blocks = pl.DataFrame(
        {"case_id": [1, 2, 3, 4, 5], "block": ["0", "donor", "donor", "donor", "tuning"]}
    )

    def cases(block, number):
        found = examples_for_block(table(both), blocks, block, ["en", "ca"], number)
        assert all(fact.case_id == question.case_id for fact, question in found)
        assert all(fact in REQUESTS and question in CATALAN for fact, question in found)
        return [fact.case_id for fact, _question in found]

    assert cases("0", 1) == cases("0-first-1", 1) == [3]
    assert cases("0", 9) == [3, 4]
    assert cases("donor", 9) == [5]
    assert cases("0", 0) == []
    with pytest.raises(NotEnoughFacts, match=r"taught\.examples: 1 for block donor, but there are"):
        examples_for_block(table(both), blocks.filter(block="donor"), "donor", ["en", "ca"], 1)


def find_taught(folder, way):
    """Both shards of the block in English, then both of Catalan, taught."""
    paths = find_values(folder, ["en"], way)
    for shard in (0, 1):
        path = folder / f"taught_{shard}.safetensors"
        cfg = {**vars(SETTINGS), "spread": spread_of(way), "shard_size": 3}
        script.main(
            stage(
                inputs(folder, ["ca"]),
                {"values": path},
                {**cfg, "taught": {"tokens": TOKENS, "examples": 1}},
                compute={},
                together=3,
                read_in="en",
                asked_in="ca",
                language_keys={"kl_prompt": KL_PROMPTS["ca"]},
                solver="pmet" if way == "pmet" else "memit",
                layers=LAYERS if way == "layerwise" else [1],
                block="0",
                shard=shard,
            )
        )
        paths.append(path)
    return paths


SOLVES = [(solver, "residual") for solver in solver_names()] + [("memit", "layerwise")]


@pytest.mark.parametrize(("solver", "spread"), SOLVES)
def test_taught_values_are_solved_with_those_of_the_edit_language(
    folder, monkeypatch, solver, spread
):
    model = small_model("llama")
    monkeypatch.setattr(script, "model_for", lambda _manifest, _compute: model)
    monkeypatch.setattr(script, "examples_for_block", lambda *_of_block: EXAMPLES)
    way = spread if spread == "layerwise" else values_solver(solver)
    files = find_taught(folder, way)
    cfg = {"solver": solver, "spread": spread, "own": OWN.get(solver, {})}
    deltas = solve(folder, CODES, files, stacked=True, **cfg)
    own = torch.cat([read_tensors(path)[0]["z"] for path in files[:2]], dim=-2)
    taught = run(model, way).z[..., 0, :, :]
    changed = small_model("llama")
    expected = oracle_spread(
        changed,
        paired((REQUESTS, CONTEXTS), (CATALAN, CATALAN_CONTEXTS)),
        torch.cat([own, taught], dim=-2),
        template_weights(3, "uniform"),
        moments(model),
        LAYERS,
        LAMBDA,
        module=changed.mlp_output(LAYERS[-1]) if solver == "pmet" else None,
        power=0.5 if solver == "pmet" else 1.0,
        layerwise=spread == "layerwise",
        right=stacked_right(solver),
    )
    assert_deltas_are(deltas, expected)
    # targets in the taught language are in the table, and change nothing
    path = folder / "bilingual.parquet"
    rows = io.read_table(path)
    other = pl.when(language="ca").then(pl.lit("el cel")).otherwise("target").alias("target")
    io.write_table(path, rows.with_columns(other), PROVENANCE)
    again = solve(folder, CODES, find_taught(folder, way), stacked=True, **cfg)
    assert torch.equal(again[LAYERS[0]].matrix(), deltas[LAYERS[0]].matrix())


def stacked_right(solver):
    """As of stacked languages, which hold four facts there, and five here."""

    def right(keys, moment):
        if solver in ("memit", "pmet"):
            return keys.T @ torch.linalg.inv(LAMBDA * moment + keys @ keys.T)
        return RIGHT[solver](keys, moment)

    return right
