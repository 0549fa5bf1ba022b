"""What is kept along the steps: each step's facts are those that were edited then."""

import polars as pl
import pytest

from memat.evaluate.intervals import BootstrapSettings
from memat.report.curves import placed, sequence_frame
from memat.report.figure_curves import draw_sequence
from memat.report.figures import styled
from memat.report.tables import metrics_frame, summary_frame
from score_tables import FAMILIES, LANGUAGES, experiment, random_scores

SETTINGS = BootstrapSettings(50, 0.95, 0)
STEPPED = {"step_size": 2, "series": "by 2"}
ROWS = [
    experiment("unedited", "unedited", series=None, x=None),
    experiment("after_1", "memit", "en", **STEPPED, x=2.0),
    experiment("after_2", "memit", "en", **STEPPED, x=4.0),
    experiment("after_3", "memit", "en", **STEPPED, x=5.0),
    experiment("at_once", "memit", "en", series="at once", x=5.0),
]
N_FACTS = {"unedited": 5, "after_1": 2, "after_2": 4, "after_3": 5, "at_once": 5}
# facts are edited in an order of their own
ORDER = [3, 0, 4, 1, 2]


@pytest.fixture(scope="module")
def metrics():
    tables = []
    for seed, (name, n_facts) in enumerate(N_FACTS.items()):
        for language in LANGUAGES:
            scores = random_scores(5, seed, language)
            held = scores.filter(pl.col("case_id").is_in(ORDER[:n_facts]))
            tables.append((name, held))
    return metrics_frame(tables, ROWS, FAMILIES, "geometric")


@pytest.fixture(scope="module")
def blocks():
    return pl.DataFrame({"case_id": [7, 9, *ORDER], "block": ["donor"] * 2 + ["0"] * 5})


@pytest.fixture(scope="module")
def kept(metrics, blocks):
    return sequence_frame(metrics, ROWS, LANGUAGES, blocks, FAMILIES, SETTINGS)


def test_all_facts_of_a_model_are_its_summary(metrics, kept):
    whole = kept.filter(pl.col("step").is_null())
    summary = summary_frame(metrics, ROWS, LANGUAGES, FAMILIES, SETTINGS)
    assert whole.select(summary.columns).equals(summary)


def test_a_step_is_asked_its_own_facts(metrics, kept):
    found = kept.filter(pl.col("step").is_not_null(), eval_language="en", metric="ES")
    places = found.select("experiment", "step").sort("experiment", "step").rows()
    assert places == [
        ("after_1", 1),
        ("after_2", 1), ("after_2", 2),
        ("after_3", 1), ("after_3", 2), ("after_3", 3),
    ]  # fmt: skip
    for row in found.iter_rows(named=True):
        cases = ORDER[2 * (row["step"] - 1) : 2 * row["step"]]
        own = metrics.filter(
            pl.col("case_id").is_in(cases),
            experiment=row["experiment"],
            eval_language="en",
            metric="ES",
        )
        assert row["n_facts"] == len(cases)
        assert row["value"] == pytest.approx(100 * own["value"].mean())


def test_the_figure_has_metrics_text_and_weights(kept):
    edited = [row for row in ROWS if row["x"]]
    text = pl.DataFrame(
        [
            (row["name"], language, "perplexity_ratio", 1.0 + row["x"], 1.0, 9.0)
            for row in edited
            for language in LANGUAGES
        ],
        schema=["experiment", "eval_language", "measure", "value", "low", "high"],
        orient="row",
    )
    sizes = pl.DataFrame(
        [(row["name"], layer, row["x"] * layer) for row in edited for layer in (1, 3)],
        schema=["experiment", "layer", "ratio"],
        orient="row",
    )
    text, weights = placed(text, ROWS), placed(sizes, ROWS)
    assert text.columns[:2] == ["series", "x"]
    with styled():
        figure = draw_sequence(kept, text, weights, "Kept", ["ES", "NS"])
        empty = draw_sequence(kept, text.clear(), weights.clear(), "Kept", ["ES"])
    assert len(figure.axes) == 2 * 4
    ratio = figure.axes[3].lines[0]
    # the mean of both layers, over facts in the model
    assert list(zip(*ratio.get_data(), strict=True)) == [(2, 4), (4, 8), (5, 10)]
    first = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert list(first[0].get_xdata()) == [2, 4, 5], "the first step's facts after every step"
    assert len(empty.axes) == 2 * 3
