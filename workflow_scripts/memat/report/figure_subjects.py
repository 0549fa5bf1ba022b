"""Figure: every method by how alike the subjects are in both languages (paper, figure 1)."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memat.evaluate.families import Metric, metrics_named
from memat.report.figure_curves import MARKERS
from memat.report.figures import CYCLE, GREY, empty_panel, new_figure

WIDTH = 0.8  # of a bin that its points take


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
            part = frame.filter(pl.col("value").is_not_null(), panel=panel, metric=metric.name)
            axes.set_title(f"{metric.name} {panel}")
            if part.is_empty():
                empty_panel(axes, "no such prompts")
                continue
            _draw_panel(axes, part, experiments, metric)
        row[0].set_ylabel("percent")
    for axes in [axes for axes in grid.flat if axes.containers][:1]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _draw_panel(axes: Axes, part: pl.DataFrame, experiments: Sequence[str], metric: Metric) -> None:
    bins = part["subset"].unique(maintain_order=True).to_list()
    for place, name in enumerate(experiments):
        points = part.filter(experiment=name)
        shift = WIDTH * ((place + 0.5) / len(experiments) - 0.5)
        value, low, high = (points[column].to_numpy() for column in ("value", "low", "high"))
        axes.errorbar(
            [bins.index(subset) + shift for subset in points["subset"]],
            value,
            yerr=[(value - low).clip(0), (high - value).clip(0)],
            fmt=MARKERS[place // len(CYCLE) % len(MARKERS)],
            markersize=4,
            linewidth=1.0,
            color=CYCLE[place % len(CYCLE)],
            label=name,
        )
    counts = dict(part.group_by("subset").agg(pl.col("n_facts").max()).iter_rows())
    axes.set_xticks(range(len(bins)), [f"{name}\n{counts[name]} facts" for name in bins])
    axes.set_xlim(-0.5, len(bins) - 0.5)
    if metric.leaf.RANGE[0] < 0:
        axes.axhline(0, color=GREY, linewidth=0.8)
