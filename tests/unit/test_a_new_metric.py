"""A metric family that is one more file: config, tables, figures and pages take it up."""

import re
import sys

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from failure_metric import failure_metric
from memat.errors import ConfigError
from memat.evaluate import metrics as leaves
from memat.evaluate.fact_metrics import answer_metrics, fact_metrics
from memat.evaluate.families import (
    families_in_words,
    family_names,
    load_family,
    metrics_named,
    metrics_of,
)
from memat.evaluate.intervals import BootstrapSettings
from memat.evaluate.prompt_types import PROMPT_TYPES, SCORED
from memat.report.figure_metrics import draw_metrics
from memat.report.figures import styled
from memat.report.index_page import definition_list, results
from memat.report.markdown import markdown_table
from memat.report.matrix import draw_matrix, matrix_frame
from memat.report.tables import differences_frame, metrics_frame, summary_frame
from memat.study.config import config_faults
from memat.text.language_keys import OF_ANSWERS
from memat.text.languages import language_of
from score_tables import (
    EXPERIMENTS,
    FAMILIES,
    LANGUAGES,
    PROMPTS,
    random_answers,
    random_run,
    random_scores,
)

SETTINGS = BootstrapSettings(resamples=100)


@pytest.fixture
def failure(tmp_path, monkeypatch):
    """The names of families with one that is a new file."""
    (tmp_path / "failure.py").write_text(failure_metric({"rewrite": "EF", "neighborhood": "NF"}))
    monkeypatch.setattr(leaves, "__path__", [*leaves.__path__, str(tmp_path)])
    yield ["success", "failure"]
    sys.modules.pop("memat.evaluate.metrics.failure", None)


@pytest.fixture
def tables(failure):
    """Summary and paired differences with the new family."""
    measured = metrics_frame(random_run(), EXPERIMENTS, failure, "geometric")
    return [
        frame(measured, EXPERIMENTS, LANGUAGES, failure, SETTINGS)
        for frame in (summary_frame, differences_frame)
    ]


def test_it_is_measured_beside_the_others(tables):
    summary, differences = tables
    assert summary["metric"].unique(maintain_order=True).to_list() == [
        *("ES", "PS", "NS", "S", "EF", "NF")
    ]
    for frame, column, total in ((summary, "value", 100.0), (differences, "difference", 0.0)):
        of_success, of_failure = (
            frame.filter(metric=name)[column] for name in ("ES", "EF")
        )  # of random scores none are equal
        assert (of_success + of_failure - total).abs().max() < 1e-3


def test_other_families_are_as_without_it(tables):
    alone = metrics_frame(random_run(), EXPERIMENTS, ["success"], "geometric")
    summary = summary_frame(alone, EXPERIMENTS, LANGUAGES, ["success"], SETTINGS)
    assert tables[0].filter(pl.col("metric").is_in(["ES", "PS", "NS", "S"])).equals(summary)


def test_the_table_explains_it_and_marks_its_smallest_value(tables, failure):
    text = markdown_table(tables[0], failure, 0.95)
    section = text.partition("### Failure\n")[2]
    assert section.startswith("\nEF, NF: share of the prompts after which <the other> target")
    values = tables[0].filter(pl.col("method") != "unedited", metric="EF", eval_language="en")
    best = re.findall(r"\*\*([\d.]+)\*\*", section.split("|")[0] + column(section, "EF en"))
    assert {float(value) for value in best} == {round(values["value"].min(), 1)}


def column(section, title):
    """The cells of a column of the first table of a section."""
    lines = [line.split("|") for line in section.splitlines() if line.startswith("|")]
    place = next(n for n, cell in enumerate(lines[0]) if cell.strip() == title)
    return " ".join(line[place] for line in lines[1:] if len(line) > place)


def test_figures_have_its_panels_with_its_label(tables, failure):
    with styled():
        drawn = draw_metrics(tables[0], failure, 0.95)
        matrix = draw_matrix(matrix_frame(tables[0], EXPERIMENTS), failure)
    titles = {axes.get_title(loc="left") for axes in drawn.axes}
    assert {"EF  efficacy failure", "NF  neighborhood failure", "S  harmonic score"} <= titles
    assert {axes.get_title(loc="left") for axes in matrix.axes} == {
        *("", "ES", "PS", "NS", "S", "EF", "NF")
    }


def test_pages_have_its_section_and_its_sentence_escaped(tables, failure):
    page = "\n".join(results(tables[0], failure, 0.95))
    for text in (page, definition_list(tables[0], failure)):
        assert "Failure" in text
        assert "&lt;the other&gt; target" in text


def config(**summary):
    return {"facts": {"path": "facts.json"}, "blocks": {"size": 12}, "summary": summary}


def test_families_of_the_config_are_known_ones_each_once():
    assert list(config_faults(config(metrics=["accuracy", "success"]))) == []
    (unknown,) = config_faults(config(metrics=["succes"]))
    assert "summary.metrics[0]" in unknown
    assert "did you mean 'success'" in unknown
    (twice,) = config_faults(config(metrics=["success", "success"]))
    assert twice.startswith("summary.metrics: must have no repeats")
    with pytest.raises(ConfigError, match="metrics: 'failure' is unknown"):
        load_family("failure")


def test_a_metric_is_found_by_its_name(failure):
    assert [metric.family for metric in metrics_named(["EF", "S", "PM"])] == [
        *("failure", "success", "magnitude")
    ]
    with pytest.raises(ConfigError, match=r"'EX' is unknown.*allowed"):
        metrics_named(["EX"])


def test_the_default_families_are_the_papers():
    from memat.study.sections_run import Summary

    assert Summary().metrics == FAMILIES
    with pytest.raises(ValidationError):
        TypeAdapter(Summary).validate_python({"metrics": []})


@pytest.mark.parametrize("family", family_names())
def test_every_leaf_keeps_the_contract(family):
    leaf = load_family(family)
    assert leaf.__doc__.splitlines()[0].startswith(family.capitalize().replace("_", " ") + ": ")
    assert f"{family} (" in families_in_words()
    assert leaf.LABEL.lower() == leaf.LABEL
    assert not leaf.DESCRIPTION.endswith(".")
    assert leaf.NAMES.keys() <= PROMPT_TYPES.keys()
    low, high = leaf.RANGE
    assert low < high
    assert leaf.CHANCE is None or low <= leaf.CHANCE <= high
    if leaf.SCORE:
        assert (low, high, leaf.HIGHER_IS_BETTER) == (0.0, 1.0, True)
        assert set(SCORED) <= leaf.NAMES.keys()
    names = [metric.name for metric in metrics_of(family_names())]
    assert len(set(names)) == len(names)
    scores = random_scores(30).with_columns(pl.col("block").cast(pl.String))
    answers = random_answers(scores)
    language = language_of(dict.fromkeys(OF_ANSWERS))
    measured = pl.concat(
        [fact_metrics(scores, [family]), answer_metrics(answers, [family], {"en": language})]
    )
    assert measured["value"].is_between(low, high).all()
    asked = {name for prompt_type, name in leaf.NAMES.items() if prompt_type in PROMPTS}
    assert set(measured["metric"]) == asked
