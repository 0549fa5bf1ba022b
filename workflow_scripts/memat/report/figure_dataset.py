"""Figures of the dataset: records after each step and why rows were dropped, and how many tokens
subject, relation and target share with the source (paper, appendix C)."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memat.report.figures import (
    BLACK,
    BLUE,
    CYCLE,
    DASHES,
    GREEN,
    ORANGE,
    empty_panel,
    new_figure,
)
from memat.text.prompts import PROMPT_TYPES
from memat.text.rejections import FACT

TYPE_COLORS = dict(zip((FACT, *PROMPT_TYPES), CYCLE, strict=False))
MOST_REASONS = 14
PARTS = {"subject": BLUE, "relation": ORANGE, "target": GREEN}
BINS = np.linspace(0, 1, 21)


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
    axes.set_title("Records left after each step")
    records = funnel["records"].to_list()
    axes.barh(range(len(records)), records, color=BLUE, height=0.7)
    first = records[0] if records else 0
    for place, count in enumerate(records):
        share = f"  ({100 * count / first:.0f}%)" if place and first else ""
        axes.text(count, place, f" {count:,}{share}", va="center")
    _set_axes(axes, step_names(funnel), "records", 1.22 * max([*records, 1]))


def _set_axes(axes: Axes, names: list[str], counted: str, width: float) -> None:
    """One bar a name, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, width)
    axes.set_xlabel(counted)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y", visible=False)


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
            widths, starts = [counts.get(name, 0) for name in names], list(ends.values())
            look = {"left": starts, "color": color, "height": 0.7, "label": prompt_type}
            axes.barh(range(len(names)), widths, **look)
            ends = {name: ends[name] + counts.get(name, 0) for name in names}
    for place, name in enumerate(names):
        axes.text(ends[name], place, f" {ends[name]:,}", va="center")
    shown = [name.replace("_", " ") for name in names]
    _set_axes(axes, shown, "dropped prompts and records", 1.15 * max(ends.values()))
    axes.legend(loc="lower right", title="what is dropped", alignment="left")


def draw_overlap(overlap: pl.DataFrame, same: float, different: float) -> Figure:
    """One row of panels for each target language.

    overlap: language, subject, relation, target, the Jaccard index of each fact in [0, 1].
    same, different: bounds of the subsets, on the subject: J ≥ same, J ≤ different.
    """
    languages = overlap["language"].unique(maintain_order=True).to_list() or [None]
    several = len(languages) > 1
    figure = new_figure(10.5, 0.4 + 3.0 * len(languages), "Tokens shared between the languages")
    rows = figure.subplots(len(languages), len(PARTS), sharey="row", squeeze=False)
    for panels, language in zip(rows, languages, strict=True):
        # no language: a table without facts
        of_language = overlap.filter(pl.col("language").eq_missing(language))
        _draw_row(panels, of_language, same, different, language if several else None)
    for axes in rows[-1]:
        axes.set_xlabel("Jaccard index of the token sets")
    return figure


def _draw_row(
    panels: np.ndarray, overlap: pl.DataFrame, same: float, different: float, name: str | None
) -> None:
    for axes, (part, color) in zip(panels, PARTS.items(), strict=True):
        _draw_part(axes, overlap[part].drop_nulls().to_numpy(), color)
        axes.set_title(part)
        axes.set_xlim(-0.02, 1.02)
    subject = overlap["subject"]
    panels[0].set_ylabel(f"{f'{name}: ' if name else ''}facts (% of {overlap.height})")
    panels[0].set_title(
        f"subject  (J ≤ {different:g}: {(subject <= different).sum()} facts, "
        f"J ≥ {same:g}: {(subject >= same).sum()})"
    )
    panels[0].set_ylim(0, max(axes.get_ylim()[1] for axes in panels) * 1.12)


def _draw_part(axes: Axes, index: np.ndarray, color: str) -> None:
    weights = np.full(len(index), 100 / max(1, len(index)))
    axes.hist(index, bins=BINS, weights=weights, color=color, edgecolor="white", linewidth=0.5)
    if len(index):
        axes.axvline(index.mean(), color=BLACK, linewidth=1, linestyle=DASHES)
        axes.text(
            index.mean(), 0.99, f" mean {index.mean():.2f} ", va="top",
            ha="left" if index.mean() < 0.5 else "right", transform=axes.get_xaxis_transform(),
        )  # fmt: skip
