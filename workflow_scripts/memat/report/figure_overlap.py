"""Token overlap of subject, relation and target with the source (paper, appendix C)."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memat.report.figures import BLACK, BLUE, GREEN, ORANGE, new_figure

PARTS = {"subject": BLUE, "relation": ORANGE, "target": GREEN}
BINS = np.linspace(0, 1, 21)


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
        axes.axvline(index.mean(), color=BLACK, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(
            index.mean(), 0.99, f" mean {index.mean():.2f} ", va="top",
            ha="left" if index.mean() < 0.5 else "right", transform=axes.get_xaxis_transform(),
        )  # fmt: skip
