"""Figure: how much faster each stage is than its plain loop, and how the values' time grows."""

from pathlib import Path

import polars as pl

from memat.provenance import Provenance
from memat.report.figures import BLUE, GREY, VERMILION, new_figure, save_figure, styled


def draw_benchmark(
    benchmark: pl.DataFrame, scale: pl.DataFrame, png: str | Path, svg: str | Path
) -> None:
    """Bars of the speed ratio per stage; seconds and peak memory against the number of facts.

    benchmark: columns stage, variant, ratio. scale: columns n, seconds, peak_mb.
    """
    fast = benchmark.filter(pl.col("variant") == "fast")
    with styled():
        figure = new_figure(11, 1.6 + 0.3 * max(len(fast), 5), "Speed against the plain loop")
        ratios, growth = figure.subplots(1, 2, width_ratios=(3, 2))
        _draw_ratios(ratios, fast)
        _draw_growth(growth, scale)
        save_figure(figure, png, svg, Provenance("benchmark", {}, ""))


def _draw_ratios(axes, fast: pl.DataFrame) -> None:
    bars = axes.barh(fast["stage"].to_list(), fast["ratio"].to_list(), color=BLUE)
    axes.bar_label(bars, fmt="%.1f×", padding=3)
    axes.axvline(1, color=GREY, linewidth=1)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("seconds of the plain loop / of this project (median of rounds)")


def _draw_growth(axes, scale: pl.DataFrame) -> None:
    memory = axes.twinx()
    memory.grid(visible=False)
    lines = []
    for side, column, label, style, color in (
        (axes, "seconds", "seconds", "o-", BLUE),
        (memory, "peak_mb", "peak MB", "s--", VERMILION),
    ):
        lines += side.plot(scale["n"], scale[column], style, color=color, label=label)
        side.set_ylim(0, 1.2 * scale[column].max())
    axes.set(title="Values of more facts", xlabel="facts", ylabel="seconds")
    memory.set_ylabel("peak memory, MB")
    axes.legend(handles=lines, loc="lower right")
