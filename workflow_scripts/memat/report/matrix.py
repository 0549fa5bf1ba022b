"""The language matrix: what edits in each language, or in several, give in each language asked."""

from collections.abc import Sequence

import polars as pl
from matplotlib.figure import Figure

from memat.report.figures import new_figure

METRICS = ("ES", "PS", "NS", "EM", "EA")
UNEDITED = "unedited"
MATRIX_SCHEMA = {
    "experiment": pl.String,
    "edited_in": pl.String,
    "asked_in": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_facts": pl.Int64,
}


def matrix_frame(summary: pl.DataFrame, rows: Sequence[dict]) -> pl.DataFrame:
    """`MATRIX_SCHEMA`: the unedited model and every edit without corrected heads, in percent.

    summary: as made by `memat.report.tables.summary_frame`. rows: of the same study file.
    edited_in: languages joined by `+`, with how several are combined; or `unedited`.
    """
    edited_in = {row["name"]: _edited_in(row) for row in rows if row["head_language"] is None}
    shown = summary.filter(
        pl.col("experiment").is_in(list(edited_in)), pl.col("metric").is_in(METRICS)
    )
    return shown.select(
        "experiment",
        pl.col("experiment").replace_strict(edited_in, return_dtype=pl.String).alias("edited_in"),
        pl.col("eval_language").alias("asked_in"),
        *("metric", "value", "low", "high", "n_facts"),
    ).cast(MATRIX_SCHEMA)


def _edited_in(row: dict) -> str:
    parts = [row["edit_language"] or UNEDITED, row["combine"]]
    return " ".join(part for part in parts if part)


def draw_matrix(frame: pl.DataFrame) -> Figure:
    """One panel a metric: rows are edits, columns the languages asked; cells in percent."""
    edits = frame["experiment"].unique(maintain_order=True).to_list()
    asked = frame["asked_in"].unique(maintain_order=True).to_list()
    metrics = [name for name in METRICS if frame.filter(metric=name)["value"].is_not_null().any()]
    cells = {
        (row["metric"], row["experiment"], row["asked_in"]): row["value"]
        for row in frame.iter_rows(named=True)
    }
    figure = new_figure(
        2.2 + len(metrics) * (0.9 + 0.55 * len(asked)),
        1.6 + 0.36 * len(edits),
        "Edited in × asked in",
    )
    panels = figure.subplots(1, max(1, len(metrics)), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=False):
        values = [[cells.get((metric, name, code)) for code in asked] for name in edits]
        shown = [[float("nan") if v is None else v for v in line] for line in values]
        axes.imshow(shown, cmap="viridis", vmin=0, vmax=100, aspect="auto")
        for y, line in enumerate(values):
            for x, value in enumerate(line):
                text = "–" if value is None else f"{value:.0f}"
                light = value is not None and value < 60
                axes.text(x, y, text, ha="center", va="center", color="white" if light else "black")
        axes.set_title(metric)
        axes.set_xticks(range(len(asked)), asked)
        axes.set_xlabel("asked in")
        axes.grid(visible=False)
    panels[0].set_yticks(range(len(edits)), edits)
    panels[0].set_ylabel("edit")
    return figure
