"""The language matrix: what edits in each language, or in several, give in each language asked."""

from collections.abc import Sequence
from itertools import zip_longest

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memat.report.figures import new_figure
from memat.report.markdown import UNEDITED
from memat.report.tables import metrics_in
from memat.study.models import CONTEXT_METHODS

MATRIX_SCHEMA = {
    **dict.fromkeys(("experiment", "edited_in", "asked_in", "metric"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "n_facts": pl.Int64,
}


def matrix_frame(summary: pl.DataFrame, rows: Sequence[dict]) -> pl.DataFrame:
    """`MATRIX_SCHEMA`: the unedited model and every edit without corrected heads, in percent.

    summary: as made by `memat.report.tables.summary_frame`. rows: of the same study file.
    edited_in: languages joined by `+`, with how several are combined, with the method of a model
    that is told the facts, where keys are transported
    to, in which languages it is taught, and whether subjects are protected; or `unedited`.
    """
    edited_in = {row["name"]: _edited_in(row) for row in rows if row["head_language"] is None}
    shown = summary.filter(pl.col("experiment").is_in(list(edited_in)))
    return shown.select(
        "experiment",
        pl.col("experiment").replace_strict(edited_in, return_dtype=pl.String).alias("edited_in"),
        pl.col("eval_language").alias("asked_in"),
        *("metric", "value", "low", "high", "n_facts"),
    ).cast(MATRIX_SCHEMA)


def _edited_in(row: dict) -> str:
    parts = [
        row["edit_language"] or UNEDITED,
        row["combine"],
        row["transport"] and f"to {row['transport']}",
        row["taught"] and f"taught {row['taught']}",
        row["method"] in CONTEXT_METHODS and row["method"],
        row["protected"] and "protected",
        row["step_size"] and f"by {row['step_size']}",
    ]
    return " ".join(filter(None, parts))


def draw_matrix(frame: pl.DataFrame, families: Sequence[str]) -> Figure:
    """One panel a metric, a row of panels for each family: rows are edits, columns the languages
    asked; cells in percent."""
    edits = frame["experiment"].unique(maintain_order=True).to_list()
    asked = frame["asked_in"].unique(maintain_order=True).to_list()
    rows = [[metric.name for metric in metrics_in(frame, family)] for family in families]
    width, height = max(map(len, rows)), 0.9 + 0.36 * len(edits)
    size = (2.2 + width * (0.9 + 0.55 * len(asked)), 0.7 + len(rows) * height)
    figure = new_figure(*size, "Edited in × asked in")
    grid = figure.subplots(len(rows), width, sharey=True, squeeze=False)
    for panels, names in zip(grid, rows, strict=True):
        for axes, name in zip_longest(panels, names):
            if name is None:
                axes.set_axis_off()
            else:
                _draw_panel(axes, frame.filter(metric=name), edits, asked)
                axes.set_title(name)
        panels[0].set_ylabel("edit")
    for axes in grid[-1]:
        axes.set_xlabel("asked in")
    grid[0, 0].set_yticks(range(len(edits)), edits)
    return figure


def _draw_panel(axes: Axes, part: pl.DataFrame, edits: list[str], asked: list[str]) -> None:
    cells = {(row["experiment"], row["asked_in"]): row["value"] for row in part.to_dicts()}
    values = [[cells.get((name, code)) for code in asked] for name in edits]
    shown = [[float("nan") if v is None else v for v in line] for line in values]
    axes.imshow(shown, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            text = "–" if value is None else f"{value:.0f}"
            light = value is not None and value < 60
            axes.text(x, y, text, ha="center", va="center", color="white" if light else "black")
    axes.set_xticks(range(len(asked)), asked)
    axes.grid(visible=False)
