"""What is kept along the steps of an edit: facts of earlier steps, neighbours, text and weights."""

from collections.abc import Mapping, Sequence

import polars as pl

from memat.evaluate.intervals import BootstrapSettings
from memat.report.curves import curves_frame

PLACE = ("series", "x")


def sequence_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    languages: Sequence[str],
    blocks: pl.DataFrame,
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`curves_frame` of every model on the facts of each of its steps, and on all it holds.

    rows: of a study file; x is the number of facts in the model. blocks: case_id and block, in the
    order in which facts are edited. Column `step`: number of the step, from 1, whose facts are asked;
    null for all of them.
    """
    frames = [curves_frame(metrics, rows, languages, families, settings).with_columns(step=None)]
    order = blocks.with_columns(position=pl.int_range(pl.len()).over("block"))
    for size in sorted({row["step_size"] for row in rows} - {None}):
        own = [row for row in rows if row["step_size"] == size]
        with_step = metrics.join(
            order.select("case_id", step=pl.col("position") // size + 1), on="case_id"
        )
        by_step = with_step.filter(pl.col("experiment").is_in([row["name"] for row in own]))
        for (step,), part in sorted(by_step.group_by("step"), key=lambda item: item[0]):
            asked = set(part["experiment"])
            reached = [row for row in own if row["name"] in asked]
            frame = curves_frame(part.drop("step"), reached, languages, families, settings)
            frames.append(frame.with_columns(step=pl.lit(step)))
    return pl.concat([frame.with_columns(pl.col("step").cast(pl.Int64)) for frame in frames])


def placed(frame: pl.DataFrame, rows: Sequence[Mapping]) -> pl.DataFrame:
    """A table with a column `experiment`, with `series` and `x` of its rows before the rest."""
    places = pl.DataFrame(
        [(row["name"], row["series"], row["x"]) for row in rows],
        schema={"experiment": pl.String, "series": pl.String, "x": pl.Float64},
        orient="row",
    )
    found = frame.join(places, on="experiment", how="left", maintain_order="left")
    return found.select(*PLACE, pl.exclude(PLACE))
