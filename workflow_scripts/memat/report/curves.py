"""Tables behind the curves of the paper: a summary with a place on an axis, and subsets of facts."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from memat.evaluate.families import fact_metrics_of
from memat.evaluate.intervals import (
    BootstrapSettings,
    bootstrap_means,
    column_means,
    percentile_interval,
)
from memat.report.tables import percent, summary_frame

CURVE_SCHEMA = {"series": pl.String, "x": pl.Float64}


def curves_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    languages: Sequence[str],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`summary_frame` with the columns `series` and `x` (null: a level beside the curves).

    rows: of a study file (`memat.study.rows.Row.described`).
    """
    places = pl.DataFrame(
        [(row["name"], row["series"], row["x"]) for row in rows],
        schema={"experiment": pl.String, **CURVE_SCHEMA},
        orient="row",
    )
    summary = summary_frame(metrics, rows, languages, families, settings)
    return summary.join(places, on="experiment", how="left", maintain_order="left")


def subset_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    languages: Sequence[str],
    subsets: Mapping[str, Sequence[int]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`summary_frame` of every subset of facts, with the column `subset`; empty ones are left out.

    subsets: name → case ids.
    """
    frames = []
    for name, case_ids in subsets.items():
        part = metrics.filter(pl.col("case_id").is_in(list(case_ids)))
        if part.height:
            frame = summary_frame(part, rows, languages, families, settings)
            frames.append(frame.with_columns(subset=pl.lit(name)))
    return pl.concat(frames)


def subjects_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    source: str,
    subsets: Mapping[str, Mapping[str, Sequence[int]]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`subset_frame` by the subjects of each target language, in it and in the source.

    subsets: target language → name → case ids, of all facts first. Besides: `overlap_language`,
    `series` (the experiment, with that language where there are several) and `x`, the subset's
    place.
    """
    frames = []
    for target, named in subsets.items():
        frame = subset_frame(metrics, rows, (source, target), named, families, settings)
        of_target = f", subjects in {target}" if len(subsets) > 1 else ""
        places = {name: float(place) for place, name in enumerate(named)}
        frames.append(
            frame.with_columns(
                overlap_language=pl.lit(target),
                series=pl.col("experiment") + of_target,
                x=pl.col("subset").replace_strict(places, return_dtype=pl.Float64),
            )
        )
    return pl.concat(frames)


def transfer_frame(
    metrics: pl.DataFrame,
    trained: Mapping[str, str],
    unedited: str,
    source: str,
    subsets: Mapping[str, tuple[Sequence[int], Sequence[int]]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """How much more of an edit is lost on the way to another language where subjects differ.

    trained: training language → experiment. subsets: target language → case ids of the facts
    whose subjects are alike there and in the source, and of those whose subjects differ; an edit
    goes from the source to a target or back. The loss of a fact is the change its edit
    makes in the training language minus the change it makes in the other one; `difference` is
    the mean loss where subjects differ minus that where they are alike, in points, from draws
    of both groups on their own. No row where a group is empty.
    """
    rows = []
    names = [metric.name for metric in fact_metrics_of(families)]
    ways = [
        (language, experiment, target if language == source else source, subsets[target])
        for language, experiment in trained.items()
        for target in subsets
        if language in (source, target)
    ]
    for language, experiment, other, ids in ways:
        groups = [_losses(metrics, experiment, unedited, language, other, i, names) for i in ids]
        if not all(len(group) for group in groups):
            continue
        alike, differ = (column_means(group) for group in groups)
        draws = [bootstrap_means(g, np.zeros(len(g)), settings) for g in groups]
        low, high = percentile_interval(draws[1] - draws[0], settings.confidence)
        for place, metric in enumerate(names):
            values = {
                "difference": differ[place] - alike[place],
                "low": low[place],
                "high": high[place],
            }
            rows.append(
                {"experiment": experiment, "edit_language": language, "eval_language": other}
                | {"metric": metric, "n_alike": len(groups[0]), "n_different": len(groups[1])}
                | percent(**values)
            )
    return pl.DataFrame(rows, schema=TRANSFER_SCHEMA)


TRANSFER_SCHEMA = {
    "experiment": pl.String,
    "edit_language": pl.String,
    "eval_language": pl.String,
    "metric": pl.String,
    "n_alike": pl.Int64,
    "n_different": pl.Int64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _losses(metrics, experiment, unedited, language, other, case_ids, names) -> np.ndarray:
    """(n_facts, m): the change of every metric in `language` minus that in `other`."""

    def change(code: str) -> pl.DataFrame:
        both = metrics.filter(
            pl.col("eval_language") == code,
            pl.col("experiment").is_in([experiment, unedited]),
            pl.col("case_id").is_in(list(case_ids)),
        )
        signed = pl.when(pl.col("experiment") == experiment).then(1.0).otherwise(-1.0)
        return both.group_by("block", "case_id", "metric").agg((pl.col("value") * signed).sum())

    pair = change(language).join(change(other), on=["block", "case_id", "metric"], suffix="_other")
    wide = (
        pair.with_columns(loss=pl.col("value") - pl.col("value_other"))
        .pivot(on="metric", on_columns=names, index=["block", "case_id"], values="loss")
        .sort("block", "case_id")
    )
    return wide.select(names).fill_null(float("nan")).to_numpy()
