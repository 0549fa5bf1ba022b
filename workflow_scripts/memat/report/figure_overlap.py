"""Token overlap of subject, relation and target in both languages (paper, appendix C)."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from memat.report.figures import BLACK, BLUE, GREEN, ORANGE, new_figure

PARTS = {"subject": BLUE, "relation": ORANGE, "target": GREEN}
BINS = np.linspace(0, 1, 21)


def draw_overlap(overlap: pl.DataFrame, same: float, different: float) -> Figure:
    """overlap: subject, relation, target, the Jaccard index of each fact in [0, 1].

    same, different: bounds of the subsets, on the subject: J ≥ same, J ≤ different.
    """
    figure = new_figure(10.5, 3.4, "Tokens shared between the languages")
    panels = figure.subplots(1, len(PARTS), sharey=True)
    for axes, (part, color) in zip(panels, PARTS.items(), strict=True):
        index = overlap[part].drop_nulls().to_numpy()
        weights = np.full(len(index), 100 / max(1, len(index)))
        axes.hist(index, bins=BINS, weights=weights, color=color, edgecolor="white", linewidth=0.5)
        if len(index):
            axes.axvline(index.mean(), color=BLACK, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(
                index.mean(), 0.99, f" mean {index.mean():.2f} ", va="top",
                ha="left" if index.mean() < 0.5 else "right", transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        axes.set_title(part)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("Jaccard index of the token sets")
    subject = overlap["subject"]
    panels[0].set_ylabel(f"facts (% of {overlap.height})")
    panels[0].set_title(
        f"subject  (J ≤ {different:g}: {(subject <= different).sum()} facts, "
        f"J ≥ {same:g}: {(subject >= same).sum()})"
    )
    panels[0].set_ylim(0, max(axes.get_ylim()[1] for axes in panels) * 1.12)
    return figure
