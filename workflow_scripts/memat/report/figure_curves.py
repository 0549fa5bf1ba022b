"""Curves over a setting or a subset of facts, one panel per metric and evaluation language."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from memat.evaluate.families import Metric, metrics_named
from memat.report.figures import CYCLE, GREY, new_figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = (0, (4, 3))


def draw_curves(
    frame: pl.DataFrame,
    title: str,
    axis: str,
    metrics: Sequence[str],
    logarithmic: bool = True,
    by_metric: bool = False,
) -> Figure:
    """frame: series, x, eval_language, metric, value, low, high (percent).

    Rows of panels: evaluation languages; columns: the metrics named, or (`by_metric`) one panel
    whose curves they are, harmonic scores dashed. A series without x is a dashed level across the
    panel.
    """
    languages = frame["eval_language"].unique(maintain_order=True).to_list()
    shown = metrics_named(metrics)
    columns = [shown] if by_metric else [(metric,) for metric in shown]
    series = frame["series"].unique(maintain_order=True).to_list()
    curves = list(metrics) if by_metric else series
    looks = {
        name: {"color": CYCLE[i % len(CYCLE)], "marker": MARKERS[i % len(MARKERS)]}
        for i, name in enumerate(curves)
    }
    width = 6.5 if by_metric else 2.35 * len(columns) + 0.4
    figure = new_figure(width, 0.9 + 2.4 * len(languages), title)
    grid = figure.subplots(len(languages), len(columns), squeeze=False)
    for row, language in zip(grid, languages, strict=True):
        for axes, column in zip(row, columns, strict=True):
            part = frame.filter(pl.col("eval_language") == language)
            _draw_panel(axes, part, column, looks, by_metric)
            axes.set_title(language if by_metric else f"{column[0].name} {language}")
            _set_axis(axes, part, axis, logarithmic)
        row[0].set_ylabel("percent")
    handles = [
        Line2D([], [], markersize=5, label=name, **look | _dashes(frame, name, shown, by_metric))
        for name, look in looks.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
    return figure


def _dashes(frame: pl.DataFrame, name: str, shown: Sequence[Metric], by_metric: bool) -> dict:
    """Of a level, or of the curve of a score: dashed, a level without markers."""
    if by_metric:
        return {"linestyle": DASHES} if name in _scores(shown) else {}
    level = frame.filter(pl.col("series") == name)["x"].is_null().all()
    return {"linestyle": DASHES, "marker": ""} if level else {}


def _scores(metrics: Sequence[Metric]) -> list[str]:
    return [metric.name for metric in metrics if metric.parts]


def _draw_panel(
    axes: Axes, part: pl.DataFrame, metrics: Sequence[Metric], looks: dict, by_metric: bool
) -> None:
    column = "metric" if by_metric else "series"
    names = [metric.name for metric in metrics]
    shown = part.filter(pl.col("metric").is_in(names), pl.col("value").is_not_null())
    for name, look in looks.items():
        points = shown.filter(pl.col(column) == name)
        for level in points.filter(pl.col("x").is_null())["value"]:
            axes.axhline(level, color=look["color"], linewidth=1.2, linestyle=DASHES)
        points = points.filter(pl.col("x").is_not_null()).sort("x")
        if points.is_empty():
            continue
        axes.fill_between(
            points["x"], points["low"], points["high"], color=look["color"], alpha=0.13, linewidth=0
        )
        dashes = DASHES if name in _scores(metrics) else "-"
        axes.plot(
            points["x"], points["value"], markersize=4, linewidth=1.4, linestyle=dashes, **look
        )
    if metrics[0].leaf.RANGE[0] < 0:
        axes.axhline(0, color=GREY, linewidth=0.8)


def _set_axis(axes: Axes, part: pl.DataFrame, label: str, logarithmic: bool) -> None:
    axes.set_xlabel(label)
    places = part["x"].drop_nulls().unique().sort().to_list()
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    shown = places if len(places) <= 5 else places[:: -(-len(places) // 4)]
    axes.set_xticks(shown, [f"{place:g}" for place in shown])
