"""Figure: how much faster each stage is than its plain loop."""

from pathlib import Path

import polars as pl

from memat.provenance import Provenance
from memat.report.figures import BLUE, GREY, new_figure, save_figure, styled


def draw_benchmark(benchmark: pl.DataFrame, png: str | Path, svg: str | Path) -> None:
    """Bars of the speed ratio per stage; benchmark: columns stage, variant, n, ratio."""
    fast = benchmark.filter(pl.col("variant") == "fast")
    with styled():
        figure = new_figure(7, 0.6 + 0.42 * len(fast), "Speed against the plain loop")
        axes = figure.subplots()
        bars = axes.barh(fast["stage"].to_list(), fast["ratio"].to_list(), color=BLUE)
        axes.bar_label(bars, fmt="%.1f×", padding=3)
        axes.axvline(1, color=GREY, linewidth=1)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("seconds of the plain loop / seconds of this project (median of rounds)")
        save_figure(figure, png, svg, Provenance("benchmark", {}, ""))
