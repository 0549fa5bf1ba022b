"""What a search for settings tried: score against neighbours lost, in every edit language."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memat.report.figures import DASHES, GREY, colors_of, empty_panel, new_figure

LAYERS = "edit.layers"
HEADS = "corrections.k"


def draw_tune(tried: pl.DataFrame, languages: Sequence[str], bound: float) -> Figure:
    """A row of panels for the edit, one for the corrections; a column for each edit language.

    tried: of `memat.tune.tables.tried_frame`. Only the last round of a candidate is drawn; a
    filled marker reached the last round of its search, a star was chosen.
    """
    parts = tried["part"].unique(maintain_order=True).to_list()
    width, height = 4.4 * len(languages) + 1.6, 3.6 * len(parts) + 0.6
    figure = new_figure(width, height, "Settings that were tried")
    panels = figure.subplots(len(parts), len(languages), squeeze=False)
    for row, part in zip(panels, parts, strict=True):
        of_part = tried.filter(part=part)
        for axes, language in zip(row, languages, strict=True):
            axes.set_title(f"{part}, edited and asked in {language}")
            _draw(axes, of_part, language, LAYERS if part == "edit" else HEADS, bound)
    return figure


def _draw(axes: Axes, tried: pl.DataFrame, language: str, colored_by: str, bound: float) -> None:
    lost, score = f"NS lost {language} asked in {language}", f"score {language}"
    able = tried.filter(pl.col("failed").is_null())
    if able.is_empty() or not {lost, score} <= set(able.columns):
        empty_panel(axes, "nothing could be tried")
        return
    latest = able.filter(pl.col("round") == pl.col("round").max().over("candidate"))
    last = tried["round"].max()
    for value, color in colors_of(tried[colored_by].unique(maintain_order=True)).items():
        points = latest.filter(pl.col(colored_by) == value)
        for reached, face in ((True, color), (False, "none")):
            drawn = points.filter((pl.col("round") == last) == reached)
            axes.scatter(drawn[lost], drawn[score], s=26, facecolors=face, edgecolors=color)
        axes.scatter([], [], s=26, color=color, label=f"{colored_by} {value}")
    chosen = latest.filter("chosen")
    axes.scatter(
        chosen[lost], chosen[score], s=190, marker="*", color="black", zorder=3, label="chosen"
    )
    axes.axvline(bound, color=GREY, linewidth=1, linestyle=DASHES, label="bound")
    axes.set_xlabel("NS below the unedited model (points)")
    axes.set_ylabel("score (%)")
    axes.legend(fontsize=7)
