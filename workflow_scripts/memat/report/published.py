"""Numbers of the paper beside ours: another model's, as published, without intervals."""

import polars as pl

from memat.report.tables import SUMMARY_SCHEMA

PUBLISHED_SCHEMA = {
    "target": pl.String,
    "experiment": pl.String,
    "published_as": pl.String,
    "eval_language": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
}


def published_rows(published: pl.DataFrame, target: str, languages: list[str]) -> pl.DataFrame:
    """Rows like those of `summary_frame`, with nulls for what is not published.

    published: `PUBLISHED_SCHEMA`, percent. Empty for languages that the paper has not.
    """
    rows = published.filter(
        pl.col("target") == target, pl.col("eval_language").is_in(languages)
    ).with_columns(experiment="paper: " + pl.col("published_as"), method=pl.lit("published"))
    missing = [name for name in SUMMARY_SCHEMA if name not in rows.columns]
    empty = [pl.lit(None, dtype=SUMMARY_SCHEMA[name]).alias(name) for name in missing]
    return rows.with_columns(empty).select(list(SUMMARY_SCHEMA))
