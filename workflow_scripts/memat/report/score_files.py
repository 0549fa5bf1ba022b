"""Score files of a summary: the metrics of the experiments they belong to."""

from collections.abc import Sequence

import polars as pl

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.tables import metrics_frame


def measured(
    paths: Sequence[str], experiments: Sequence[dict], cfg: dict, seed: int
) -> tuple[pl.DataFrame, BootstrapSettings]:
    """`metrics_frame` of score files, and how its intervals are drawn.

    paths: `files` of them for each experiment, in the experiments' order; two experiments
    whose models are the same name the same file. cfg: config section `summary`.
    """
    names = [row["name"] for row in experiments for _ in range(row["files"])]
    tables = {path: io.read_table(path) for path in dict.fromkeys(paths)}
    scores = [(name, tables[path]) for name, path in zip(names, paths, strict=True)]
    metrics = metrics_frame(scores, experiments, cfg["probability"])
    return metrics, BootstrapSettings(cfg["bootstrap"], cfg["confidence"], seed)
