"""Summary, differences and the Markdown table hold the numbers they should."""

import re
from statistics import fmean, harmonic_mean

import polars as pl
import pytest

from memat.errors import ConfigError, NotEnoughFacts
from memat.evaluate.fact_metrics import fact_metrics
from memat.evaluate.intervals import BootstrapSettings
from memat.report.markdown import markdown_table
from memat.report.tables import differences_frame, metrics_frame, summary_frame
from score_tables import EXPERIMENTS, FAMILIES, LANGUAGES, MEASURED, random_run, random_scores

SETTINGS = BootstrapSettings(resamples=200, confidence=0.95, seed=0)


def summarise(run, experiments=EXPERIMENTS, languages=LANGUAGES):
    metrics = metrics_frame(run, experiments, FAMILIES, "geometric")
    return (
        metrics,
        summary_frame(metrics, experiments, languages, FAMILIES, SETTINGS),
        differences_frame(metrics, experiments, languages, FAMILIES, SETTINGS),
    )


@pytest.fixture(scope="module")
def tables():
    return summarise(random_run())


def test_summary_has_the_promised_columns_and_rows(tables):
    _, summary, _ = tables
    assert ",".join(summary.columns) == (
        "experiment,method,edit_language,combine,head_language,heads,n_facts,"
        "eval_language,metric,value,low,high"
    )
    found = summary.select("experiment", "eval_language", "metric").rows()
    assert found == [
        (experiment["name"], language, metric)
        for experiment in EXPERIMENTS
        for language in LANGUAGES
        for metric in MEASURED
    ]
    described = dict(summary.select("experiment", "method").unique().iter_rows())
    assert described["random-ca-en"] == "memat-random"
    assert described["memat-ca-en"] == "memat"


@pytest.mark.parametrize("blocks", [(0,), (0, 1, 2)])
def test_values_are_means_over_facts_in_percent_inside_their_interval(blocks):
    run = random_run(blocks=blocks)
    _, summary, _ = summarise(run)
    for name in ("unedited", "memat-ca-en"):
        facts = pl.concat(
            [
                fact_metrics(table, FAMILIES)
                for n, table in run
                if n == name and table["language"][0] == "ca"
            ]
        )
        found = summary.filter(experiment=name, eval_language="ca")
        rows = {row["metric"]: row for row in found.iter_rows(named=True)}
        means = {m: 100 * fmean(facts.filter(metric=m)["value"]) for m in rows if m != "S"}
        for metric, mean in means.items():
            assert rows[metric]["value"] == pytest.approx(mean, abs=1e-4)
            assert rows[metric]["n_facts"] == 12 * len(blocks)
        score = harmonic_mean([means[m] for m in ("ES", "PS", "NS")])
        assert rows["S"]["value"] == pytest.approx(score, abs=1e-3)
    inside = (pl.col("low") <= pl.col("value")) & (pl.col("value") <= pl.col("high"))
    assert summary.filter(~inside).is_empty()
    assert summary.filter(pl.col("high") > 100).is_empty()


def test_n_facts_counts_the_facts_that_have_the_metric():
    without = (pl.col("case_id") < 5) & (pl.col("prompt_type") == "paraphrase")
    run = [(name, table.filter(~without)) for name, table in random_run()]
    _, summary, differences = summarise(run)
    for table in (summary, differences):
        counts = dict(table.select("metric", "n_facts").unique().iter_rows())
        assert {name for name, count in counts.items() if count == 7} == {"PS", "PM", "PA", "S"}
        assert {counts[name] for name in ("ES", "EM", "EA", "NS", "NM", "NA")} == {12}


def test_differences_are_differences_of_the_summary(tables):
    _, summary, differences = tables
    named = summary.select("experiment", "eval_language", "metric", "value")
    values = {tuple(key): value for *key, value in named.iter_rows()}
    assert differences.columns == [
        "experiment", "baseline", "eval_language", "metric", "n_facts", "difference", "low", "high",
    ]  # fmt: skip
    assert differences.height == 6 * len(LANGUAGES) * len(MEASURED)
    for row in differences.iter_rows(named=True):
        key = (row["eval_language"], row["metric"])
        expected = values[row["experiment"], *key] - values[row["baseline"], *key]
        assert row["difference"] == pytest.approx(expected, abs=2e-4)
        assert row["low"] <= row["difference"] <= row["high"]


@pytest.mark.parametrize("blocks", [(0,), (0, 1)])
def test_identical_experiments_differ_by_exactly_nothing(blocks):
    scores = [random_scores(seed=5, language=lang, block=b) for lang in LANGUAGES for b in blocks]
    run = [(e["name"], table) for e in EXPERIMENTS for table in scores]
    _, _, differences = summarise(run)
    numbers = differences.select("difference", "low", "high")
    assert numbers.unique().rows() == [(0.0, 0.0, 0.0)]


def test_differences_use_the_shared_facts_only():
    experiments = EXPERIMENTS[:2]
    edited = random_scores(20, seed=2, shift=1.0)
    unedited = random_scores(20, seed=3)
    half = [("unedited", unedited.filter(pl.col("case_id") >= 10)), ("memit-en", edited)]
    both = [(name, table.filter(pl.col("case_id") >= 10)) for name, table in half]
    shared, alone = (summarise(run, experiments, ["en"])[2] for run in (half, both))
    assert shared.equals(alone)
    assert shared["n_facts"].unique().to_list() == [10]


def test_order_of_score_files_does_not_matter(tables):
    for one, other in zip(tables[1:], summarise(random_run()[::-1])[1:], strict=True):
        assert one.equals(other)


def test_scores_that_fit_no_experiment_or_are_missing_are_refused():
    with pytest.raises(ConfigError, match="memit-fr"):
        metrics_frame([("memit-fr", random_scores())], EXPERIMENTS, FAMILIES, "geometric")
    with pytest.raises(NotEnoughFacts, match="'unedited' has no scores in language 'ca'"):
        summarise([pair for pair in random_run() if pair[1]["language"][0] == "en"])


CELL = r"(\*\*)?([-\d.]+)(?:\*\*)? \(([\d.]+)\)"


def parse_markdown(text):
    """{(experiment, metric, language): (value, half width, bold)} of all tables in a text."""
    cells, header = {}, None
    for line in text.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        fields = [field.strip() for field in line.strip("|").split("|")]
        if header is None:
            header = fields
        elif not set(line) <= set("|-: "):
            for title, cell in zip(header[1:], fields[1:], strict=True):
                bold, value, half = re.fullmatch(CELL, cell).groups()
                cells[fields[0], *title.split()] = (float(value), float(half), bool(bold))
    return cells


def test_the_markdown_table_parses_to_the_summary(tables):
    _, summary, _ = tables
    cells = parse_markdown(markdown_table(summary, FAMILIES, 0.95))
    assert len(cells) == summary.height
    for row in summary.iter_rows(named=True):
        value, half, _ = cells[row["experiment"], row["metric"], row["eval_language"]]
        assert value == pytest.approx(row["value"], abs=0.0501)
        assert half == pytest.approx((row["high"] - row["low"]) / 2, abs=0.0501)


def test_bold_is_the_best_edited_experiment_of_every_column(tables):
    _, summary, _ = tables
    cells = parse_markdown(markdown_table(summary, FAMILIES, 0.95))
    for metric in MEASURED:
        for language in LANGUAGES:
            names = summary["experiment"].unique()
            column = {name: cells[name, metric, language] for name in names}
            edited = {n: v for n, (v, _, _) in column.items() if n != "unedited"}
            best = {n for n, v in edited.items() if v == max(edited.values())}
            bold = {name for name, (_, _, is_bold) in column.items() if is_bold}
            assert bold == (best if best != set(edited) else set())


def test_where_all_edited_experiments_are_equal_none_is_bold_and_zero_has_no_sign(tables):
    _, summary, _ = tables
    equal = summary.with_columns(value=pl.lit(-0.01), low=pl.lit(-0.02), high=pl.lit(0.0))
    table = markdown_table(equal, FAMILIES, 0.95)
    assert not any(bold for _, _, bold in parse_markdown(table).values())
    assert "-0.0" not in table
    best = pl.col("experiment") == "memit-en"
    told = equal.with_columns(value=pl.when(best).then(0.2).otherwise("value"))
    cells = parse_markdown(markdown_table(told, FAMILIES, 0.95))
    assert {name for (name, *_), (_, _, bold) in cells.items() if bold} == {"memit-en"}


def test_rows_on_fewer_facts_are_told(tables):
    _, summary, _ = tables
    assert "fewer facts" not in markdown_table(summary, FAMILIES, 0.95)
    joint = (pl.col("experiment") == "memit-en") & (pl.col("eval_language") == LANGUAGES[0])
    fewer = summary.with_columns(n_facts=pl.when(joint).then(9).otherwise("n_facts"))
    told = f"On fewer facts than the others: memit-en 9 of 12 in {LANGUAGES[0]}."
    assert told in markdown_table(fewer, FAMILIES, 0.95).splitlines()


def test_a_metric_nobody_has_is_an_empty_cell_and_not_a_number():
    run = [
        (name, table.filter(pl.col("prompt_type") != "paraphrase")) for name, table in random_run()
    ]
    _, summary, _ = summarise(run)
    assert summary.filter(metric="PS")["value"].null_count() == len(EXPERIMENTS) * len(LANGUAGES)
    row = next(
        line for line in markdown_table(summary, FAMILIES, 0.95).splitlines() if "memit-en" in line
    )
    assert [cell.strip() for cell in row.split("|")].count("") == 4 + 2  # PS, S, and both ends
    table = markdown_table(summary, FAMILIES, 0.95)
    assert "In percent over 12 facts" in table
    assert "An empty cell: no fact has such prompts." in table
    assert "An empty cell" not in markdown_table(
        summary.filter(pl.col("n_facts") > 0), FAMILIES, 0.95
    )
    assert not {"nan", "None"} & set(table.split())
