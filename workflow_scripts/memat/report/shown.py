"""Which metrics a table shows: those on prompts that any dataset has, and those that it has facts for."""

from collections.abc import Sequence

import polars as pl

from memat.evaluate.families import Metric, fact_metrics_of, metrics_of
from memat.evaluate.prompt_types import SCORED


def without_unasked(table: pl.DataFrame, families: Sequence[str]) -> pl.DataFrame:
    """The table without metrics on prompts that a dataset need not have, where no fact has them.

    table: metric and n_facts among its columns.
    """
    optional = [m.name for m in fact_metrics_of(families) if m.prompt_type not in SCORED]
    has_facts = (pl.col("n_facts") > 0).any().over("metric")
    return table.filter(has_facts | ~pl.col("metric").is_in(optional))


def metrics_in(table: pl.DataFrame, family: str) -> tuple[Metric, ...]:
    """The metrics of a family that a table with a column `metric` has, in their order."""
    found = set(table["metric"])
    return tuple(metric for metric in metrics_of([family]) if metric.name in found)
