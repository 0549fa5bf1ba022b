"""Score files of a report: the metrics of the rows they belong to."""

from collections.abc import Sequence

import polars as pl

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.tables import metrics_frame


def measured(rows: Sequence[dict], cfg: dict, seed: int) -> tuple[pl.DataFrame, BootstrapSettings]:
    """`metrics_frame` of the rows of a report, and how its intervals are drawn.

    rows: of a study file, each with the paths of its `scores`; two rows whose models are the
    same name the same files. cfg: config section `summary`.
    """
    paths = dict.fromkeys(path for row in rows for path in row["scores"])
    tables = {path: io.read_table(path) for path in paths}
    scores = [(row["name"], tables[path]) for row in rows for path in row["scores"]]
    metrics = metrics_frame(scores, rows, cfg["metrics"], cfg["probability"])
    return metrics, BootstrapSettings(cfg["bootstrap"], cfg["confidence"], seed)
