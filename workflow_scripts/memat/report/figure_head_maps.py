"""Layer × head maps of probe accuracy (paper, figure 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memat.report.figures import VERMILION, new_figure

CHANCE = 50.0
TITLE_WIDTH = 5.2  # inches
_RING = {"marker": "o", "markersize": 7, "markerfacecolor": "none"}
_RING |= {"markeredgecolor": VERMILION, "markeredgewidth": 1.6}


@dataclass(frozen=True)
class HeadPanel:
    """Accuracies of one edited model read in one language, and how many heads are chosen.

    accuracy: layer, head, accuracy (0..1), shuffled_accuracy, rank, … of one block or of several
    stacked.
    """

    title: str
    accuracy: pl.DataFrame
    chosen: int


def draw_head_maps(panels: Sequence[HeadPanel], sort_heads: bool = False) -> Figure:
    """One map per panel on one colour scale; chosen heads are ringed.

    sort_heads: order the heads of every layer by accuracy, best first, as in the
    paper's figure; otherwise the column is the head's own index. Several blocks are
    averaged, and a head is ringed if any block chose it.
    """
    maps = [head_map(panel) for panel in panels]
    n_layers, n_heads = maps[0][0].shape
    columns = min(len(panels), 4 if n_heads <= 12 else 2 if n_heads <= 32 else 1)
    rows = -(-len(panels) // columns)
    # square cells as far as the page allows
    width = np.clip(0.28 * n_heads, 2.5, 9.0)
    height = np.clip(width * n_layers / n_heads, 1.6, 5.0)
    title = "Where attention heads tell new from true facts"
    size = max(columns * (width + 0.3) + 1.2, TITLE_WIDTH), rows * (height + 1.2) + 0.6
    figure = new_figure(*size, title)
    grid = figure.subplots(rows, columns, squeeze=False)
    top = max(CHANCE + 1, max(float(np.nanmax(accuracy)) for accuracy, _ in maps))
    for axes, panel, (accuracy, chosen) in zip(grid.flat, panels, maps, strict=False):
        if sort_heads:
            order = np.argsort(-accuracy, axis=1, kind="stable")
            accuracy = np.take_along_axis(accuracy, order, axis=1)
            chosen = np.take_along_axis(chosen, order, axis=1)
        image = axes.imshow(
            accuracy, cmap="cividis", vmin=CHANCE, vmax=top, aspect="auto", origin="lower"
        )
        box = {"xlim": axes.get_xlim(), "ylim": axes.get_ylim()}
        axes.plot(*np.nonzero(chosen)[::-1], linestyle="", **_RING)
        axes.set(**box)
        control = 100 * _mean_by_head(panel.accuracy, "shuffled_accuracy").max()
        best = f"best {np.nanmax(accuracy):.1f}%\nwith shuffled labels {control:.1f}%"
        axes.set_title(f"{panel.title}\n{best}")
        axes.set_xlabel("heads of the layer, best first" if sort_heads else "head")
        axes.set_ylabel("layer")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.grid(visible=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    bar = figure.colorbar(image, ax=grid.ravel().tolist(), aspect=40, extend="min")
    bar.set_label("probe accuracy on validation facts (%); chance is 50")
    bar.outline.set_visible(False)
    counts = " or ".join(map(str, sorted({panel.chosen for panel in panels})))
    ring = Line2D([], [], linestyle="", label=f"corrected heads (K = {counts})", **_RING)
    figure.legend(handles=[ring], loc="outside lower left")
    return figure


def _mean_by_head(accuracy: pl.DataFrame, column: str) -> pl.Series:
    """Means over blocks."""
    return accuracy.group_by("layer", "head").agg(pl.col(column).mean())[column]


def head_map(panel: HeadPanel) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy in percent and whether a head was chosen, both (n_layers, n_heads)."""
    n_layers = panel.accuracy["layer"].max() + 1
    n_heads = panel.accuracy["head"].max() + 1
    best = pl.col("rank").rank("ordinal").over("block") <= panel.chosen
    heads = (
        panel.accuracy.with_columns(chosen=best)
        .group_by("layer", "head")
        .agg(pl.col("accuracy").mean(), pl.col("chosen").any())
        .sort("layer", "head")
    )
    accuracy = np.full((n_layers, n_heads), np.nan)
    chosen = np.zeros((n_layers, n_heads), dtype=bool)
    places = heads["layer"].to_numpy(), heads["head"].to_numpy()
    accuracy[places] = 100 * heads["accuracy"].to_numpy()
    chosen[places] = heads["chosen"].to_numpy()
    return accuracy, chosen
