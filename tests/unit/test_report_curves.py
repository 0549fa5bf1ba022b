"""Curves and subsets are the summary of the facts they name; what is lost on the way is right."""

import polars as pl
import pytest

from memat.evaluate.intervals import BootstrapSettings
from memat.report.curves import (
    curves_frame,
    panels_of_subjects,
    scripts_frame,
    subjects_frame,
    subset_frame,
    transfer_frame,
)
from memat.report.figure_curves import draw_curves, draw_subjects
from memat.report.figures import styled
from memat.report.tables import (
    PUBLISHED_SCHEMA,
    SUMMARY_SCHEMA,
    metrics_frame,
    published_rows,
    summary_frame,
)
from score_tables import EXPERIMENTS, FAMILIES, LANGUAGES, random_run

PANELS = ("ES", "PS", "NS", "EM", "PM", "NM")
SETTINGS = BootstrapSettings(200, 0.95, 0)


@pytest.fixture(scope="module")
def metrics():
    return metrics_frame(random_run(n_facts=20), EXPERIMENTS, FAMILIES, "geometric")


def test_curves_keep_the_summary_and_know_their_places(metrics):
    rows = [{**e, "x": float(i), "series": "s"} for i, e in enumerate(EXPERIMENTS)]
    frame = curves_frame(metrics, rows, LANGUAGES, FAMILIES, SETTINGS)
    assert frame.select(list(SUMMARY_SCHEMA)).equals(
        summary_frame(metrics, rows, LANGUAGES, FAMILIES, SETTINGS)
    )
    places = dict(frame.select("experiment", "x").unique().iter_rows())
    assert places == {row["name"]: row["x"] for row in rows}


def test_a_subset_is_the_summary_of_its_facts(metrics):
    frame = subset_frame(
        metrics, EXPERIMENTS, LANGUAGES, {"some": [0, 3, 5], "none": [999]}, FAMILIES, SETTINGS
    )
    assert set(frame["subset"]) == {"some"}
    alone = metrics.filter(pl.col("case_id").is_in([0, 3, 5]))
    expected = summary_frame(alone, EXPERIMENTS, LANGUAGES, FAMILIES, SETTINGS)
    assert frame.select(list(SUMMARY_SCHEMA)).equals(expected)


def fact_means(metrics, experiment, language, case_ids, metric):
    rows = metrics.filter(
        pl.col("case_id").is_in(case_ids),
        experiment=experiment,
        eval_language=language,
        metric=metric,
    )
    return rows["value"].mean()


def test_what_is_lost_on_the_way_is_a_difference_of_changes(metrics):
    alike, different = list(range(12)), list(range(12, 20))
    frame = transfer_frame(
        metrics,
        [("en", "memit-en")],
        "unedited",
        "en",
        {"ca": (alike, different)},
        FAMILIES,
        SETTINGS,
    )
    row = frame.row(by_predicate=pl.col("metric") == "PM", named=True)

    def loss(ids):
        change = {
            code: fact_means(metrics, "memit-en", code, ids, "PM")
            - fact_means(metrics, "unedited", code, ids, "PM")
            for code in LANGUAGES
        }
        return change["en"] - change["ca"]

    assert row["difference"] == pytest.approx(100 * (loss(different) - loss(alike)), abs=1e-3)
    assert (row["n_alike"], row["n_different"]) == (12, 8)
    assert row["low"] < row["difference"] < row["high"]
    empty = transfer_frame(
        metrics, [("en", "memit-en")], "unedited", "en", {"ca": (alike, [])}, FAMILIES, SETTINGS
    )
    assert empty.is_empty()


def test_every_panel_of_the_curves_is_drawn(metrics):
    rows = [
        {**e, "x": None if i == 0 else float(i), "series": "level" if i == 0 else "curve"}
        for i, e in enumerate(EXPERIMENTS)
    ]
    frame = curves_frame(metrics, rows, LANGUAGES, FAMILIES, SETTINGS)
    with styled():
        figure = draw_curves(frame, "title", "axis", PANELS)
        one = draw_curves(frame, "title", "axis", ("ES", "PS", "NS", "S"), by_metric=True)
    panels = figure.get_axes()
    assert len(panels) == 2 * 6
    points = panels[0].get_lines()[-1].get_xydata()
    shown = frame.filter(pl.col("x").is_not_null(), eval_language="en", metric="ES")
    assert points.tolist() == [list(row) for row in shown.select("x", "value").iter_rows()]
    assert len(one.get_axes()) == 2
    assert len(one.get_axes()[0].get_lines()) >= 4


def test_published_numbers_have_no_interval():
    published = pl.DataFrame(
        [("table1", "memit_ca", "MEMIT (CAT)", "ca", "ES", 97.4)],
        schema=PUBLISHED_SCHEMA,
        orient="row",
    )
    rows = published_rows(published, "table1", ["en", "ca"])
    assert rows.columns == list(SUMMARY_SCHEMA)
    assert rows.row(0, named=True)["value"] == 97.4
    assert rows.row(0, named=True)["low"] is None
    assert published_rows(published, "table1", ["en", "es"]).is_empty()
    assert published_rows(published, "table2", ["en", "ca"]).is_empty()


def test_a_loss_that_no_fact_has_is_empty(metrics):
    asked = metrics.filter(~pl.col("metric").str.starts_with("N"))
    groups = {"ca": (list(range(12)), list(range(12, 20)))}
    frame = transfer_frame(
        asked, [("en", "memit-en")], "unedited", "en", groups, FAMILIES, SETTINGS
    )
    empty = frame.filter(pl.col("metric").str.starts_with("N"))
    assert empty.select("difference", "low", "high").null_count().row(0) == (3, 3, 3)
    assert frame.filter(metric="ES")["difference"].is_finite().all()
    summary = curves_frame(
        asked, [{**e, "x": 1.0, "series": "s"} for e in EXPERIMENTS], LANGUAGES, FAMILIES, SETTINGS
    )
    figure = draw_curves(summary, "no neighbours", "x", PANELS)
    drawn = {axes.get_title()[:2] for axes in figure.axes if axes.collections}
    assert drawn == {"ES", "PS", "EM", "PM"}


SUBSETS = {
    "ca": {"all": range(20), "like": [0, 1, 2, 3], "between": [], "other": [7, 8, 9]},
    "en": {"all": range(20), "like": [2, 3, 4], "between": [], "other": [9]},
}


def test_languages_of_a_script_count_a_fact_once_with_the_mean_over_them(metrics):
    scripts = {"Latin": ["ca", "en"]}
    frame = scripts_frame(metrics, EXPERIMENTS, scripts, SUBSETS, FAMILIES, SETTINGS)
    assert frame["subset"].unique(maintain_order=True).to_list() == ["all", "like", "other"]
    assert set(frame["languages"]) == {"ca+en"}
    rows = frame.filter(experiment="memat-ca-en", metric="PM")
    sizes = rows.select("subset", "eval_language", "n_facts").rows()
    assert sizes == [("all", "Latin", 20), ("like", "Latin", 5), ("other", "Latin", 3)]

    def mean_of(case_id, name):
        """Of a fact: plain mean over the languages in whose subset it is."""
        languages = [code for code, named in SUBSETS.items() if case_id in named[name]]
        asked = metrics.filter(case_id=case_id, experiment="memat-ca-en", metric="PM")
        return sum(asked.filter(eval_language=c)["value"].item() for c in languages) / len(
            languages
        )

    for name, ids in (("like", range(5)), ("other", (7, 8, 9))):
        expected = 100 * sum(mean_of(case_id, name) for case_id in ids) / len(ids)
        row = rows.row(by_predicate=pl.col("subset") == name, named=True)
        assert row["value"] == pytest.approx(expected, abs=1e-3)
        assert row["low"] < row["value"] < row["high"]


def test_a_script_of_one_language_is_that_language(metrics):
    scripts = {"Latin": ["ca"]}
    alone = scripts_frame(metrics, EXPERIMENTS, scripts, SUBSETS, FAMILIES, SETTINGS)
    frame = subset_frame(metrics, EXPERIMENTS, ["ca"], SUBSETS["ca"], FAMILIES, SETTINGS)
    numbers = ("experiment", "subset", "metric", "n_facts", "value", "low", "high")
    assert alone.select(numbers).equals(frame.select(numbers))


def test_a_row_that_was_asked_none_of_the_facts_is_left_out_of_their_subset(metrics):
    fewer = metrics.filter((pl.col("experiment") != "memit-en") | (pl.col("case_id") > 3))
    subsets = {"first": range(4), "all": range(20)}
    frame = subset_frame(fewer, EXPERIMENTS, LANGUAGES, subsets, FAMILIES, SETTINGS)
    names = {
        name: set(of["experiment"]) for (name,), of in frame.group_by("subset", maintain_order=True)
    }
    assert names["all"] - names["first"] == {"memit-en"}


def test_every_method_has_a_point_in_each_bin_with_its_facts(metrics):
    frame = subjects_frame(metrics, EXPERIMENTS, "en", {"ca": SUBSETS["ca"]}, FAMILIES, SETTINGS)
    pooled = scripts_frame(
        metrics, EXPERIMENTS, {"Latin": ["ca", "en"]}, SUBSETS, FAMILIES, SETTINGS
    )
    panels = panels_of_subjects(frame, pooled)
    with styled():
        figure = draw_subjects(panels, "title", ["ES", "PM"])
    titles = [axes.get_title(loc="left") for axes in figure.get_axes()]
    assert titles == [
        f"{metric} {panel}"
        for panel in ("en", "ca", "Latin script (ca+en)")
        for metric in ("ES", "PM")
    ]
    axes = figure.get_axes()[2]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["all\n20 facts", "like\n4 facts", "other\n3 facts"]
    drawn = {bars.get_label(): bars.lines[0].get_ydata().tolist() for bars in axes.containers}
    shown = frame.filter(metric="ES", eval_language="ca")
    assert drawn == {
        row["name"]: shown.filter(experiment=row["name"])["value"].to_list() for row in EXPERIMENTS
    }
    places = [bars.lines[0].get_xdata()[1] for bars in axes.containers]
    assert places == sorted(places)
    assert 0.5 < places[0] < places[-1] < 1.5
    assert "Latin script (ca)" not in set(panels_of_subjects(frame, pooled.clear())["panel"])
