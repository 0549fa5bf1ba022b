"""Catalan prompts paired as in the released code: equal to its list, written as a plain loop."""

from math import exp
from statistics import fmean
from types import SimpleNamespace

import polars as pl
import pytest

import score
from memat import io
from memat.evaluate.answers import greedy_answers
from memat.evaluate.fact_metrics import fact_metrics
from memat.evaluate.pairing import concatenated
from memat.provenance import Provenance
from memat.stage import Stage
from memat.text.rejections import rejected_table
from oracles import oracle_nll
from small_models import small_model

PROVENANCE = Provenance(stage="test", settings={}, code="0")
# prompt_type: numbers of its prompts; a dropped translation leaves a gap
PROMPTS = {"rewrite": [0], "paraphrase": [0, 2, 3], "neighborhood": [0, 1, 3, 4]}
NAMES = ["Toko Yasuda", "Miles Davis", "Jimi Hendrix", "Anna", "Marie Curie"]
FORMS = {"target_new": ("toca el", "piano", False), "target_true": ("toca l'", "orgue", True)}


def catalan_rows():
    """Two facts: each prompt once a record, `toca el` + `piano` and `toca l'` + `orgue`."""
    return pl.DataFrame(
        [
            {
                "case_id": case_id,
                "language": "ca",
                "role": role,
                "prompt_type": prompt_type,
                "index": index,
            }
            | {"prompt": f"{NAMES[index + case_id]} {form}", "target": target, "joined": joined}
            for case_id in (0, 1)
            for role, (form, target, joined) in FORMS.items()
            for prompt_type, indices in PROMPTS.items()
            for index in indices[: 3 if case_id else None]
        ]
    )


def english_rows():
    """The same prompts for both targets."""
    return catalan_rows().with_columns(
        language=pl.lit("en"),
        prompt=pl.lit("The mother of ") + pl.col("prompt").str.split(" ").list.first(),
        joined=False,
    )


def released_pairs(rows):
    """{(case_id, type): [(row of o*, row of o^c)]}: one list, targets in turn, neighbours."""
    pairs = {}
    for case_id, prompt_type in rows.select("case_id", "prompt_type").unique().iter_rows():
        own = rows.filter(case_id=case_id, prompt_type=prompt_type).sort("index")
        prompts = [
            (row["prompt"], row["joined"])
            for role in ("target_true", "target_new")
            for row in own.filter(role=role).to_dicts()
        ]
        targets = [FORMS["target_new"][1], FORMS["target_true"][1]]
        scored = [(p, targets[place % 2], joined) for place, (p, joined) in enumerate(prompts)]
        pairs[case_id, prompt_type] = list(zip(scored[::2], scored[1::2], strict=True))
    return pairs


def pairs_by_prompt(rows):
    """{(case_id, prompt_type): [(row of o*, row of o^c)]}: the same prompt of the two records."""
    pairs = {}
    for case_id, prompt_type in rows.select("case_id", "prompt_type").unique().iter_rows():
        own = rows.filter(case_id=case_id, prompt_type=prompt_type).sort("index")
        new, true = (
            own.filter(role=role).select("prompt", "target", "joined").rows() for role in FORMS
        )
        pairs[case_id, prompt_type] = list(zip(new, true, strict=True))
    return pairs


def test_concatenated_rows_are_the_released_list():
    rows = catalan_rows()
    found = concatenated(rows)
    assert found.columns == rows.columns
    assert found.height == rows.height
    assert pairs_by_prompt(found) == released_pairs(rows)
    assert pairs_by_prompt(rows) != released_pairs(rows)


def test_a_single_prompt_takes_the_target_of_the_other_record():
    [(new, true)] = pairs_by_prompt(concatenated(catalan_rows()))[0, "rewrite"]
    assert new == ("Toko Yasuda toca l'", "piano", True)
    assert true == ("Toko Yasuda toca el", "orgue", False)


def metrics_of(model, pairs):
    """ES … NA of each fact, pair by pair with one forward pass a row."""
    found = {}
    for (case_id, prompt_type), own in pairs.items():
        letter = {"rewrite": "E", "paraphrase": "P", "neighborhood": "N"}[prompt_type]
        wanted, sign = (1, -1) if letter == "N" else (0, 1)
        scored = [[oracle_nll(model, *row) for row in pair] for pair in own]
        p = [[exp(-nll / n_tokens) for nll, n_tokens, _ in pair] for pair in scored]
        found[case_id, f"{letter}S"] = fmean(sign * (new - true) > 0 for new, true in p)
        found[case_id, f"{letter}M"] = fmean(sign * (new - true) for new, true in p)
        found[case_id, f"{letter}A"] = fmean(pair[wanted][2] for pair in scored)
    return found


@pytest.mark.parametrize(
    ("pairing", "catalan_pairs"), [("by_prompt", pairs_by_prompt), ("concatenated", released_pairs)]
)
def test_the_setting_says_what_is_scored_and_compared(
    pairing, catalan_pairs, tmp_path, monkeypatch
):
    model = small_model("llama")
    monkeypatch.setattr(score, "model_for", lambda _manifest, _compute: model)
    tables = {
        "bilingual": pl.concat([english_rows(), catalan_rows()]),
        "blocks": pl.DataFrame({"case_id": [0, 1], "block": ["0", "0"]}),
        "blocks_rejected": rejected_table([]),
    }
    inputs = {"manifest": "", "deltas": [], "corrections": []}
    for name, table in tables.items():
        inputs[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(inputs[name], table, PROVENANCE)
    path = str(tmp_path / "scores.parquet")
    types = ["rewrite", "paraphrase", "neighborhood"]
    generate = {"prompt_types": types, "per_fact": 1, "tokens": 3}
    params = {"languages": ["en", "ca"], "block": "0", "shard": 0, "together": 1, "compute": {}}
    params |= {"edited": [], "context": []}
    score.main(
        Stage(
            name="score",
            inputs=SimpleNamespace(**inputs),
            outputs=SimpleNamespace(scores=path, answers=str(tmp_path / "answers.parquet")),
            cfg={"pairing": pairing, "shard_size": 2, "generate": generate, "prompt_types": types},
            params=SimpleNamespace(**params),
            threads=1,
            provenance=PROVENANCE,
        )
    )
    answers = io.read_table(tmp_path / "answers.parquet")
    # a fact is asked once in a language for each type, with the prompt of the target that is wanted
    asked = pl.concat([english_rows(), catalan_rows()])
    place = ["case_id", "language", "prompt_type", "index"]
    for name, role in zip(types, ("target_new", "target_new", "target_true"), strict=True):
        first = asked.filter(prompt_type=name, role=role).filter(
            pl.col("index") == pl.col("index").min().over("case_id", "language")
        )
        found = answers.filter(prompt_type=name)
        expected = first.select(*place, wanted="target").sort(place)
        assert found.select(*place, "wanted").sort(place).equals(expected)
        prompts = dict(first.select("prompt", "case_id").iter_rows())
        alone = greedy_answers(model, list(prompts), 1, 3)
        assert sorted(alone) == sorted(found["answer"])
    metrics = fact_metrics(io.read_table(path), ["success", "magnitude", "accuracy"])
    expected = {
        "en": metrics_of(model, pairs_by_prompt(english_rows())),
        "ca": metrics_of(model, catalan_pairs(catalan_rows())),
    }
    for language, numbers in expected.items():
        rows = metrics.filter(language=language).select("case_id", "metric", "value")
        found = {(case_id, metric): value for case_id, metric, value in rows.iter_rows()}
        assert found == pytest.approx(numbers, abs=1e-12)
