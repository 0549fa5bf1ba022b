"""All metrics side by side: one panel per metric, one row per experiment."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memat.edit.solver import DEFAULT, load_solver, solver_names, values_solver
from memat.evaluate.families import Metric
from memat.report.figures import DASHES, GREY, NOTHING, colors_of, new_figure
from memat.report.markdown import number_of_facts
from memat.report.tables import metrics_in

SHAPES = {"unedited": "D", "memit": "s", "memat": "o", "iti": "P"}
SHAPES |= {"in_context": "v", "retrieval": ">", "published": "x"}
SHAPE_OF_OTHER_VALUES = "^"  # of an edit by a solver with values of its own
WORDS = {
    "unedited": "unedited model",
    "memit": "MEMIT",
    "published": "as published",
    "memat": "MEMAT",
    "iti": "ITI",
    "in_context": "fact in the prompt",
    "retrieval": "nearest fact in the prompt",
    "random": "random heads",
    "recycled": "recycled",
}


def _shape(method: str) -> str:
    first = method.split("-")[0]
    if first in SHAPES:
        return SHAPES[first]
    return SHAPES["memit"] if values_solver(first) == DEFAULT else SHAPE_OF_OTHER_VALUES


def _marker(method: str, color: str) -> dict:
    """Random heads are hollow, what stands on another solver than the default is grey inside."""
    filled = "white" if "random" in method else "#BBBBBB" if _other_solver(method) else color
    look = {"linestyle": "", "marker": _shape(method), "markersize": 5}
    return look | {"markerfacecolor": filled}


def _other_solver(method: str) -> str | None:
    """The solver that ends the name of a method, unless it is the default one."""
    last = method.split("-")[-1]
    return last if last != DEFAULT and last in solver_names() else None


def _label(method: str) -> str:
    """`memat-random-alphaedit` in words."""
    solver = _other_solver(method)
    words = [WORDS[word] for word in method.removesuffix(f"-{solver}").split("-") if word != solver]
    if not solver:
        return ", ".join(words)
    label = load_solver(solver).LABEL
    return ", ".join([f"{words[0]} on {label}", *words[1:]]) if words else label


def draw_metrics(summary: pl.DataFrame, families: Sequence[str], confidence: float) -> Figure:
    """summary: as made by `memat.report.tables.summary_frame`.

    A row of panels for each family of metrics: its prompt types, then its harmonic score if it
    has one. Dashed: the unedited model.
    """
    experiments = summary["experiment"].unique(maintain_order=True).to_list()
    languages = summary["eval_language"].unique(maintain_order=True).to_list()
    panels = [metrics_in(summary, family) for family in families]
    columns = max(sum(not metric.parts for metric in row) for row in panels) + 1
    # the last column holds scores, and the legend where there is none
    free = next((place for place, row in enumerate(panels) if not row[-1].parts), len(panels))
    n_rows = max(len(panels), free + 1)
    title = "What the edited models know, by prompt and evaluation language"
    height = 0.4 + n_rows * (2.2 + 0.75 * len(experiments)) / 3
    figure = new_figure(11.5 * columns / 4, height, title)
    grid = figure.subplots(n_rows, columns, sharey=True, squeeze=False)
    drawn = {}
    for row, metrics in zip(grid, panels, strict=False):
        drawn |= zip(row, (m for m in metrics if not m.parts), strict=False)
        if metrics[-1].parts:
            drawn[row[-1]] = metrics[-1]
    for axes in grid.flat:
        if axes in drawn:
            _draw_panel(axes, summary, drawn[axes], experiments, languages)
        else:
            axes.set_axis_off()
    grid[0, 0].set_yticks(range(len(experiments)), experiments)
    grid[0, 0].set_ylim(len(experiments) - 0.5, -0.5)
    _draw_legend(grid[free, -1], summary, languages, confidence)
    return figure


def _draw_panel(
    axes: Axes, summary: pl.DataFrame, metric: Metric, experiments: list[str], languages: list[str]
) -> None:
    axes.set_title(f"{metric.name}  {metric.label}")
    axes.set_xlabel(metric.unit)
    colors = colors_of(languages)
    rows = summary.filter(metric=metric.name).drop_nulls("value")
    if rows.is_empty():
        # the axes stay: the first panel of a row carries the names of the experiments
        axes.text(0.5, 0.5, NOTHING, transform=axes.transAxes, ha="center", color=GREY)
        axes.tick_params(length=0, labelbottom=False)
        axes.grid(visible=False)
        return
    for row in rows.iter_rows(named=True):
        color = colors[row["eval_language"]]
        place = languages.index(row["eval_language"]) - (len(languages) - 1) / 2
        height = experiments.index(row["experiment"]) + 0.5 * place / max(1, len(languages) - 1)
        if row["low"] is not None:  # published numbers come without intervals
            axes.plot([row["low"], row["high"]], [height, height], color=color, linewidth=1.6)
        axes.plot(row["value"], height, color=color, **_marker(row["method"], color))
        if row["method"] == "unedited":
            axes.axvline(row["value"], color=color, linewidth=0.8, linestyle=DASHES)
    axes.grid(axis="y", visible=False)
    for border in range(1, len(experiments)):
        axes.axhline(border - 0.5, color="#EEEEEE", linewidth=0.8, zorder=0)
    axes.tick_params(axis="y", length=0)
    if metric.leaf.RANGE[0] < 0:
        axes.axvline(0, color=GREY, linewidth=0.8)
    axes.margins(x=0.08)


def _draw_legend(
    axes: Axes, summary: pl.DataFrame, languages: list[str], confidence: float
) -> None:
    looks = [
        {"color": color, "linewidth": 4, "label": f"evaluated in {language}"}
        for language, color in colors_of(languages).items()
    ]
    looks += [
        {"label": _label(method)} | _marker(method, "black")
        for method in summary["method"].unique(maintain_order=True)
    ]
    looks.append({"linewidth": 1.6, "label": f"{100 * confidence:g}% interval"})
    looks.append({"linewidth": 0.8, "linestyle": DASHES, "label": "level when unedited"})
    handles = [Line2D([], [], **{"color": "black", **look}) for look in looks]
    title = number_of_facts(summary)
    axes.legend(handles=handles, loc="center left", title=title, alignment="left")
