"""Score files of a report: the metrics of the rows they belong to."""

from collections.abc import Sequence

import polars as pl

from memat import io
from memat.evaluate.families import read_answers
from memat.evaluate.intervals import BootstrapSettings
from memat.report.tables import metrics_frame
from memat.text.languages import language_of


def measured(rows: Sequence[dict], cfg: dict, seed: int) -> tuple[pl.DataFrame, BootstrapSettings]:
    """`metrics_frame` of the rows of a report, and how its intervals are drawn.

    rows: of a study file, each with the paths of its `scores` and its `answers`; two rows whose
    models are the same name the same files. cfg: config section `summary`, and, where a family of
    metrics reads answers, `languages`: code → keys of the language's file.
    """
    answers, languages = [], {}
    if read_answers(cfg["metrics"]):
        answers = _tables(rows, "answers")
        languages = {code: language_of(keys) for code, keys in cfg["languages"].items()}
    scores = _tables(rows, "scores")
    metrics = metrics_frame(scores, rows, cfg["metrics"], cfg["probability"], answers, languages)
    return metrics, BootstrapSettings(cfg["bootstrap"], cfg["confidence"], seed)


def _tables(rows: Sequence[dict], kind: str) -> list[tuple[str, pl.DataFrame]]:
    """(name of the row, table) of every file of the rows, each file read once."""
    paths = dict.fromkeys(path for row in rows for path in row[kind])
    tables = {path: io.read_table(path) for path in paths}
    return [(row["name"], tables[path]) for row in rows for path in row[kind]]
