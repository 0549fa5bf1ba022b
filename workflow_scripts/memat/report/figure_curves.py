"""Figures of a study whose points are edited models: curves over a setting, what is kept along the
steps of an edit, and bins of facts by how alike the subjects are (paper, figure 1)."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from memat.evaluate.families import Metric, metrics_named
from memat.report.figures import CYCLE, DASHES, GREY, NOTHING, colors_of, empty_panel, new_figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
BIN_WIDTH = 0.8  # of a bin that its points take
STEPS_AXIS = "facts in the model"
DOTS = {"marker": "o", "markersize": 3.5}  # of a step


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
        name: {"color": color, "marker": marker}
        for (name, color), marker in zip(colors_of(curves).items(), cycle(MARKERS), strict=False)
    }
    width = 6.5 if by_metric else 2.35 * len(columns) + 0.4
    figure = new_figure(width, 0.9 + 2.4 * len(languages), title)
    grid = figure.subplots(len(languages), len(columns), squeeze=False)
    for row, language in zip(grid, languages, strict=True):
        for axes, column in zip(row, columns, strict=True):
            part = frame.filter(eval_language=language)
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
    level = frame.filter(series=name)["x"].is_null().all()
    return {"linestyle": DASHES, "marker": ""} if level else {}


def _scores(metrics: Sequence[Metric]) -> list[str]:
    return [metric.name for metric in metrics if metric.parts]


def _draw_panel(
    axes: Axes, part: pl.DataFrame, metrics: Sequence[Metric], looks: dict, by_metric: bool
) -> None:
    column = "metric" if by_metric else "series"
    names = [metric.name for metric in metrics]
    shown = part.filter(pl.col("metric").is_in(names)).drop_nulls("value")
    for name, look in looks.items():
        points = shown.filter(pl.col(column) == name)
        for level in points.filter(pl.col("x").is_null())["value"]:
            axes.axhline(level, color=look["color"], linewidth=1.2, linestyle=DASHES)
        points = points.drop_nulls("x").sort("x")
        if points.is_empty():
            continue
        dashes = DASHES if name in _scores(metrics) else "-"
        _draw_line(axes, points, markersize=4, linestyle=dashes, **look)
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
    colors = colors_of(kept.drop_nulls("x")["series"].unique(maintain_order=True))
    ratios = weights.group_by("series", "x", maintain_order=True).agg(value=pl.col("ratio").mean())
    figure = new_figure(2.5 * (len(metrics) + 2) + 0.4, 1.1 + 2.4 * len(languages), title)
    grid = figure.subplots(len(languages), len(metrics) + 2, squeeze=False)
    for row, language in zip(grid, languages, strict=True):
        for axes, metric in zip(row, metrics, strict=False):
            shown = kept.filter(eval_language=language, metric=metric)
            axes.set_title(f"{metric} {language}")
            _draw_kept(axes, shown.drop_nulls("value"), colors)
        row[0].set_ylabel("percent")
        of_language = text.filter(eval_language=language, measure="perplexity_ratio")
        _draw_cost(row[-2], of_language, colors, f"perplexity ratio {language}")
        _draw_cost(row[-1], ratios, colors, "‖Δ‖ / ‖W‖, mean of layers")
        for axes in row:
            axes.set_xlabel(STEPS_AXIS)
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
        _draw_line(axes, every, color, **DOTS)
        axes.plot(oldest["x"], oldest["value"], color=color, linewidth=1.1, linestyle=DASHES)


def _draw_cost(axes: Axes, shown: pl.DataFrame, colors: Mapping[str, str], title: str) -> None:
    if shown.is_empty():
        empty_panel(axes, "no text")
        return
    axes.set_title(title)
    for name, color in colors.items():
        _draw_line(axes, shown.filter(series=name).sort("x"), color, **DOTS)


def _draw_line(axes: Axes, points: pl.DataFrame, color: str, **look: object) -> None:
    x = points["x"]
    if "low" in points.columns:
        ends = points["low"], points["high"]
        axes.fill_between(x, *ends, color=color, alpha=0.13, linewidth=0)
    axes.plot(x, points["value"], color=color, linewidth=1.4, **look)


def draw_subjects(frame: pl.DataFrame, title: str, metrics: Sequence[str]) -> Figure:
    """Rows of panels: where a model is asked, and whose subjects are compared; columns: metrics.

    frame: panel, experiment, subset, metric, n_facts, value, low, high (percent); a value may be
    missing. A bin of facts, named with how many there are, holds a point with its interval for
    each experiment.
    """
    panels = frame["panel"].unique(maintain_order=True).to_list()
    experiments = frame["experiment"].unique(maintain_order=True).to_list()
    shown = metrics_named(metrics)
    figure = new_figure(3.4 * len(shown) + 2.4, 0.9 + 2.5 * len(panels), title)
    grid = figure.subplots(len(panels), len(shown), squeeze=False)
    for row, panel in zip(grid, panels, strict=True):
        for axes, metric in zip(row, shown, strict=True):
            part = frame.filter(panel=panel, metric=metric.name).drop_nulls("value")
            axes.set_title(f"{metric.name} {panel}")
            if part.is_empty():
                empty_panel(axes, NOTHING)
            else:
                _draw_bins(axes, part, experiments, metric)
        row[0].set_ylabel("percent")
    for axes in [axes for axes in grid.flat if axes.containers][:1]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _draw_bins(axes: Axes, part: pl.DataFrame, experiments: Sequence[str], metric: Metric) -> None:
    bins = part["subset"].unique(maintain_order=True).to_list()
    for place, (name, color) in enumerate(colors_of(experiments).items()):
        points = part.filter(experiment=name)
        shift = BIN_WIDTH * ((place + 0.5) / len(experiments) - 0.5)
        value, low, high = (points[column].to_numpy() for column in ("value", "low", "high"))
        axes.errorbar(
            [bins.index(subset) + shift for subset in points["subset"]],
            value,
            yerr=[(value - low).clip(0), (high - value).clip(0)],
            fmt=MARKERS[place // len(CYCLE) % len(MARKERS)],
            markersize=4,
            linewidth=1.0,
            color=color,
            label=name,
        )
    counts = dict(part.group_by("subset").agg(pl.col("n_facts").max()).iter_rows())
    axes.set_xticks(range(len(bins)), [f"{name}\n{counts[name]} facts" for name in bins])
    axes.set_xlim(-0.5, len(bins) - 0.5)
    if metric.leaf.RANGE[0] < 0:
        axes.axhline(0, color=GREY, linewidth=0.8)
