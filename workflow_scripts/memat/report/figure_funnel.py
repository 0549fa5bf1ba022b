"""The dataset funnel: records after each step, and why rows were dropped."""

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memat.report.figures import BLUE, CYCLE, empty_panel, new_figure
from memat.text.prompts import PROMPT_TYPES
from memat.text.rejections import FACT

TYPE_COLORS = dict(zip((FACT, *PROMPT_TYPES), CYCLE, strict=False))
MOST_REASONS = 14


def draw_funnel(funnel: pl.DataFrame, rejected: pl.DataFrame) -> Figure:
    """funnel: step, language (null: all), records, in order. rejected: prompt_type, reason."""
    reasons = count_reasons(rejected)
    rows = max(funnel.height, reasons["reason"].n_unique(), 3)
    figure = new_figure(11.5, 1.9 + 0.32 * rows, "From the facts given to the facts used")
    left, right = figure.subplots(1, 2)
    _draw_steps(left, funnel)
    _draw_reasons(right, reasons)
    return figure


def step_names(funnel: pl.DataFrame) -> list[str]:
    """`paired`, or `paired es` where several languages have a row of the step each."""
    several = funnel["language"].drop_nulls().n_unique() > 1
    return [
        f"{step} {language}" if several and language else step
        for step, language in funnel.select("step", "language").iter_rows()
    ]


def count_reasons(rejected: pl.DataFrame) -> pl.DataFrame:
    """reason, prompt_type, count; the commonest reasons first."""
    counts = rejected.group_by("reason", "prompt_type").agg(pl.len().alias("count"))
    commonest = (
        counts.group_by("reason")
        .agg(pl.col("count").sum().alias("total"))
        .sort(["total", "reason"], descending=[True, False])
        .head(MOST_REASONS)
    )
    return counts.join(commonest, on="reason").sort(
        ["total", "reason", "prompt_type"], descending=[True, False, False]
    )


def _draw_steps(axes: Axes, funnel: pl.DataFrame) -> None:
    records = funnel["records"].to_list()
    axes.barh(range(len(records)), records, color=BLUE, height=0.7)
    first = records[0] if records else 0
    for place, count in enumerate(records):
        share = f"  ({100 * count / first:.0f}%)" if place and first else ""
        axes.text(count, place, f" {count:,}{share}", va="center")
    axes.set_yticks(range(len(records)), step_names(funnel))
    axes.set_ylim(len(records) - 0.5, -0.5)
    axes.set_xlim(0, 1.22 * max([*records, 1]))
    axes.set_xlabel("records")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y", visible=False)
    axes.set_title("Records left after each step")


def _draw_reasons(axes: Axes, reasons: pl.DataFrame) -> None:
    axes.set_title("What was dropped, and why")
    names = reasons["reason"].unique(maintain_order=True).to_list()
    if not names:
        empty_panel(axes, "nothing was dropped")
        return
    ends = dict.fromkeys(names, 0)
    for prompt_type, color in TYPE_COLORS.items():
        counts = dict(reasons.filter(prompt_type=prompt_type).select("reason", "count").iter_rows())
        if counts:
            widths = [counts.get(name, 0) for name in names]
            starts = [ends[name] for name in names]
            axes.barh(
                range(len(names)), widths, left=starts, color=color, height=0.7, label=prompt_type
            )
            ends = {name: ends[name] + counts.get(name, 0) for name in names}
    for place, name in enumerate(names):
        axes.text(ends[name], place, f" {ends[name]:,}", va="center")
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.15 * max(ends.values()))
    axes.set_xlabel("dropped prompts and records")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right", title="what is dropped", alignment="left")
