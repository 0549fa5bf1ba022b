"""Metrics per fact: equal to a plain loop over the definitions, and their invariants."""

from math import exp, inf, nan
from statistics import fmean
from statistics import harmonic_mean as reference_harmonic_mean

import numpy as np
import polars as pl
import pytest

from memat.errors import ConfigError, DamagedFile, NonFiniteValue
from memat.evaluate import fact_metrics as module
from memat.evaluate.fact_metrics import harmonic_mean
from memat.evaluate.families import fact_metrics_of
from score_tables import FAMILIES, PROMPTS, random_scores

FACT_METRICS = [m.name for m in fact_metrics_of(FAMILIES) if m.prompt_type in PROMPTS]


def fact_metrics(scores, probability="geometric"):
    return module.fact_metrics(scores, FAMILIES, probability)


def metrics_by_loop(scores, probability):
    """The definitions of eq. 7, 8 and 13, one prompt after the other."""
    table = {
        (row["case_id"], row["prompt_type"], row["index"], row["role"]): row
        for row in scores.iter_rows(named=True)
    }
    wanted = {"rewrite": "target_new", "paraphrase": "target_new", "neighborhood": "target_true"}
    other = {"target_new": "target_true", "target_true": "target_new"}

    def p(row):
        return exp(-row["nll"] / (row["n_tokens"] if probability == "geometric" else 1))

    found = {}
    for letter, prompt_type in {"E": "rewrite", "P": "paraphrase", "N": "neighborhood"}.items():
        for case_id in {key[0] for key in table}:
            pairs = [
                (row, table[case, k, index, other[role]])
                for (case, k, index, role), row in table.items()
                if case == case_id and k == prompt_type and role == wanted[prompt_type]
            ]
            if pairs:
                found[case_id, f"{letter}S"] = fmean(p(a) > p(b) for a, b in pairs)
                found[case_id, f"{letter}M"] = fmean(p(a) - p(b) for a, b in pairs)
                found[case_id, f"{letter}A"] = fmean(a["is_greedy"] for a, b in pairs)
    return found


def as_dict(metrics):
    return {(r["case_id"], r["metric"]): r["value"] for r in metrics.iter_rows(named=True)}


@pytest.mark.parametrize("probability", ["geometric", "joint"])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_a_plain_loop(probability, seed):
    scores = random_scores(n_facts=15, seed=seed)
    found = as_dict(fact_metrics(scores, probability))
    expected = metrics_by_loop(scores, probability)
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-12) for key in expected)


def test_row_order_does_not_matter():
    scores = random_scores()
    shuffled = scores.sample(fraction=1, shuffle=True, seed=3)
    assert fact_metrics(shuffled).equals(fact_metrics(scores))


def test_swapped_targets_mirror_success_and_magnitude():
    scores = random_scores(seed=1)
    swap = {"target_new": "target_true", "target_true": "target_new"}
    swapped = scores.with_columns(role=pl.col("role").replace_strict(swap))
    before, after = as_dict(fact_metrics(scores)), as_dict(fact_metrics(swapped))
    for case_id, metric in before:
        if metric.endswith("S"):  # continuous random scores have no ties
            assert after[case_id, metric] == pytest.approx(1 - before[case_id, metric])
        if metric.endswith("M"):
            assert after[case_id, metric] == pytest.approx(-before[case_id, metric])


def test_neighborhood_wants_the_true_target_and_the_others_the_new_one():
    scores = random_scores().with_columns(
        nll=pl.when(role="target_new").then(0.1).otherwise(5.0),
        is_greedy=pl.col("role") == "target_new",
    )
    values = fact_metrics(scores).group_by("metric").agg(pl.col("value").unique())
    by_metric = dict(values.iter_rows())
    assert by_metric["ES"] == by_metric["PS"] == by_metric["EA"] == by_metric["PA"] == [1.0]
    assert by_metric["NS"] == by_metric["NA"] == [0.0]


def test_a_tie_is_no_success_on_either_side():
    scores = random_scores().with_columns(nll=pl.lit(1.5), n_tokens=pl.lit(2))
    values = dict(fact_metrics(scores).group_by("metric").agg(pl.col("value").max()).iter_rows())
    assert values["ES"] == values["PS"] == values["NS"] == 0.0
    assert values["EM"] == values["NM"] == 0.0


def test_geometric_probability_forgives_length_and_joint_does_not():
    row = {
        "case_id": 1,
        "block": 0,
        "language": "ca",
        "prompt_type": "rewrite",
        "index": 0,
        "is_greedy": False,
    }
    scores = pl.DataFrame(
        [
            row | {"role": "target_new", "nll": 3.0, "n_tokens": 3},
            row | {"role": "target_true", "nll": 2.0, "n_tokens": 1},
        ]
    )
    geometric, joint = as_dict(fact_metrics(scores)), as_dict(fact_metrics(scores, "joint"))
    assert geometric[1, "ES"] == 1.0
    assert joint[1, "ES"] == 0.0
    assert geometric[1, "EM"] == pytest.approx(exp(-1) - exp(-2))
    assert joint[1, "EM"] == pytest.approx(exp(-3) - exp(-2))


def test_success_survives_probabilities_that_underflow():
    scores = random_scores().with_columns(
        nll=pl.when(role="target_new").then(900.0).otherwise(901.0), n_tokens=pl.lit(1)
    )
    assert as_dict(fact_metrics(scores, "joint"))[1, "ES"] == 1.0


def test_a_fact_without_a_kind_of_prompt_lacks_those_metrics_only():
    scores = random_scores().filter(
        ~((pl.col("case_id") == 4) & (pl.col("prompt_type") == "paraphrase"))
    )
    found = as_dict(fact_metrics(scores))
    missing = {(4, "PS"), (4, "PM"), (4, "PA")}
    expected = {(case_id, name) for case_id in range(12) for name in FACT_METRICS}
    assert found.keys() == expected - missing


def test_several_blocks_and_languages_in_one_table_do_not_mix():
    parts = [
        random_scores(seed=seed, language=language, block=block)
        for seed, (language, block) in enumerate([("en", 0), ("en", 1), ("ca", 0), ("ca", 1)])
    ]
    together = fact_metrics(pl.concat(parts))
    for part in parts:
        language, block = part.row(0, named=True)["language"], part["block"][0]
        assert together.filter(language=language, block=block).equals(fact_metrics(part))


@pytest.mark.parametrize("spoil", ["missing", "twice"])
def test_an_unpaired_prompt_is_refused_by_name(spoil):
    scores = random_scores(prompts=PROMPTS)
    fact = (pl.col("case_id") == 5) & (pl.col("prompt_type") == "rewrite")
    rows = fact & (pl.col("role") == "target_true")
    bad = scores.filter(~rows) if spoil == "missing" else pl.concat([scores, scores.filter(rows)])
    with pytest.raises(DamagedFile, match="fact 5, en rewrite prompt 0"):
        fact_metrics(bad)


@pytest.mark.parametrize("value", [nan, inf, None])
def test_a_score_that_is_no_number_is_refused_by_name(value):
    bad = (pl.col("case_id") == 7) & (pl.col("prompt_type") == "rewrite")
    scores = random_scores().with_columns(nll=pl.when(bad).then(value).otherwise(pl.col("nll")))
    with pytest.raises(NonFiniteValue, match="fact 7, en rewrite prompt 0, target_new"):
        fact_metrics(scores)


def test_an_unknown_probability_is_refused():
    with pytest.raises(ConfigError, match=r"summary\.probability"):
        fact_metrics(random_scores(), "arithmetic")


def test_harmonic_mean_is_the_textbook_one_and_zero_with_a_zero_part():
    parts = np.random.default_rng(0).random((20, 3))
    expected = [reference_harmonic_mean(row) for row in parts.tolist()]
    assert harmonic_mean(parts) == pytest.approx(expected)
    assert harmonic_mean(np.array([0.9, 0.0, 0.8])) == 0.0
