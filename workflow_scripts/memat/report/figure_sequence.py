"""What is kept along the steps of an edit, in every language: metrics, perplexity, weights."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memat.report.figures import CYCLE, GREY, empty_panel, new_figure

DASHES = (0, (4, 3))
AXIS = "facts in the model"


def draw_sequence(
    kept: pl.DataFrame,
    text: pl.DataFrame,
    weights: pl.DataFrame,
    title: str,
    metrics: Sequence[str],
) -> Figure:
    """A row of panels a language: each metric over the number of facts, then what it cost.

    kept: of `memat.report.curves.sequence_frame`; a solid line is about all facts in the model, a
    dashed one about those of its first step, a grey level the model without an edit. text: series,
    x, eval_language, measure, value, low, high. weights: series, x, layer, ratio.
    """
    languages = kept["eval_language"].unique(maintain_order=True).to_list()
    series = kept.filter(pl.col("x").is_not_null())["series"].unique(maintain_order=True)
    colors = {name: CYCLE[place % len(CYCLE)] for place, name in enumerate(series)}
    figure = new_figure(2.5 * (len(metrics) + 2) + 0.4, 1.1 + 2.4 * len(languages), title)
    grid = figure.subplots(len(languages), len(metrics) + 2, squeeze=False)
    for row, language in zip(grid, languages, strict=True):
        for axes, metric in zip(row, metrics, strict=False):
            shown = kept.filter(eval_language=language, metric=metric)
            axes.set_title(f"{metric} {language}")
            _draw_kept(axes, shown.filter(pl.col("value").is_not_null()), colors)
        row[0].set_ylabel("percent")
        of_language = text.filter(eval_language=language, measure="perplexity_ratio")
        _draw_cost(row[-2], of_language, colors, f"perplexity ratio {language}", "no text")
        _draw_cost(row[-1], _mean_ratio(weights), colors, "‖Δ‖ / ‖W‖, mean of layers", "no text")
        for axes in row:
            axes.set_xlabel(AXIS)
    handles = [Line2D([], [], color=color, label=name) for name, color in colors.items()]
    handles.append(Line2D([], [], color=GREY, linestyle=DASHES, label="facts of the first step"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    return figure


def _draw_kept(axes: Axes, shown: pl.DataFrame, colors: Mapping[str, str]) -> None:
    for level in shown.filter(pl.col("x").is_null())["value"]:
        axes.axhline(level, color=GREY, linewidth=1)
    for name, color in colors.items():
        own = shown.filter(series=name).sort("x")
        every, oldest = own.filter(pl.col("step").is_null()), own.filter(step=1)
        _draw_line(axes, every, color)
        axes.plot(oldest["x"], oldest["value"], color=color, linewidth=1.1, linestyle=DASHES)


def _draw_cost(
    axes: Axes, shown: pl.DataFrame, colors: Mapping[str, str], title: str, without: str
) -> None:
    if shown.is_empty():
        empty_panel(axes, without)
        return
    axes.set_title(title)
    for name, color in colors.items():
        _draw_line(axes, shown.filter(series=name).sort("x"), color)


def _draw_line(axes: Axes, points: pl.DataFrame, color: str) -> None:
    if "low" in points.columns:
        axes.fill_between(
            points["x"], points["low"], points["high"], color=color, alpha=0.13, linewidth=0
        )
    axes.plot(points["x"], points["value"], color=color, marker="o", markersize=3.5, linewidth=1.4)


def _mean_ratio(weights: pl.DataFrame) -> pl.DataFrame:
    return weights.group_by("series", "x", maintain_order=True).agg(value=pl.col("ratio").mean())
