"""Curves over a setting or a subset of facts, one panel per metric and evaluation language."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from memat.evaluate.metrics import SCORE
from memat.report.figures import CYCLE, GREY, new_figure

PANELS = ("ES", "PS", "NS", "EM", "PM", "NM")
ONE_PANEL = ("ES", "PS", "NS", SCORE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = (0, (4, 3))


def draw_curves(
    frame: pl.DataFrame,
    title: str,
    axis: str,
    logarithmic: bool = True,
    by_metric: bool = False,
    categories: Sequence[str] = (),
) -> Figure:
    """frame: series, x, eval_language, metric, value, low, high (percent).

    Rows of panels: evaluation languages; columns: metrics, or (`by_metric`) one panel whose
    curves are the success metrics and, dashed, their harmonic score. A series without x is a
    dashed level across the panel. categories: names of x = 0, 1, …, where it is no number.
    """
    languages = frame["eval_language"].unique(maintain_order=True).to_list()
    columns = [ONE_PANEL] if by_metric else [(metric,) for metric in PANELS]
    curves = list(ONE_PANEL) if by_metric else frame["series"].unique(maintain_order=True).to_list()
    looks = {
        name: {"color": CYCLE[i % len(CYCLE)], "marker": MARKERS[i % len(MARKERS)]}
        for i, name in enumerate(curves)
    }
    width = 6.5 if by_metric else 2.35 * len(columns) + 0.4
    figure = new_figure(width, 0.9 + 2.4 * len(languages), title)
    grid = figure.subplots(len(languages), len(columns), squeeze=False)
    for row, language in zip(grid, languages, strict=True):
        for axes, metrics in zip(row, columns, strict=True):
            part = frame.filter(pl.col("eval_language") == language)
            _draw_panel(axes, part, metrics, looks, by_metric)
            axes.set_title(language if by_metric else f"{metrics[0]} {language}")
            _set_axis(axes, part, axis, logarithmic, categories)
        row[0].set_ylabel("percent")
    handles = [
        Line2D([], [], markersize=5, label=name, **_line(frame, name, look, by_metric))
        for name, look in looks.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))
    return figure


def _line(frame: pl.DataFrame, name: str, look: dict, by_metric: bool) -> dict:
    level = not by_metric and frame.filter(pl.col("series") == name)["x"].is_null().all()
    if level:
        return {"color": look["color"], "linestyle": DASHES}
    return look | ({"linestyle": DASHES} if name == SCORE else {})


def _draw_panel(
    axes: Axes, part: pl.DataFrame, metrics: Sequence[str], looks: dict, by_metric: bool
) -> None:
    column = "metric" if by_metric else "series"
    shown = part.filter(pl.col("metric").is_in(list(metrics)), pl.col("value").is_not_null())
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
        dashes = DASHES if name == SCORE else "-"
        axes.plot(
            points["x"], points["value"], markersize=4, linewidth=1.4, linestyle=dashes, **look
        )
    if metrics[0].endswith("M"):
        axes.axhline(0, color=GREY, linewidth=0.8)


def _set_axis(
    axes: Axes, part: pl.DataFrame, label: str, logarithmic: bool, categories: Sequence[str]
) -> None:
    axes.set_xlabel(label)
    if categories:
        axes.set_xticks(range(len(categories)), categories)
        axes.set_xlim(-0.4, len(categories) - 0.6)
        return
    places = part["x"].drop_nulls().unique().sort().to_list()
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    shown = places if len(places) <= 5 else places[:: -(-len(places) // 4)]
    axes.set_xticks(shown, [f"{place:g}" for place in shown])
