"""Shared look of the figures, and writing them: equal data gives equal bytes.

Figures are made with the object interface of matplotlib (no pyplot, no global
state); `styled()` holds the settings while one is drawn and saved.
"""

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from memat.io import PROVENANCE_KEY, atomic_path
from memat.provenance import Provenance

if TYPE_CHECKING:  # a figure needs nothing of a stage but its outputs
    from memat.stage import Stage

# Okabe & Ito: told apart with any kind of colour vision
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, BLACK = "#CC79A7", "#E69F00", "#56B4E9", "#000000"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
GREY = "#8A8A8A"
DASHES = (0, (4, 3))
PNG_DPI = 200
NOTHING = "not asked, or no such prompts"  # in a panel without a value

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "legend.frameon": False,
    "svg.hashsalt": "memat",
}


@contextmanager
def styled():
    """The look of this project inside the block, matplotlib's own defaults otherwise."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure of a size in inches, laid out so that labels do not overlap."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.06)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def save_figure(figure: Figure, png: str | Path, svg: str | Path, provenance: Provenance) -> None:
    """Write PNG (200 dpi) and SVG with their provenance, without date or version stamps."""
    made_by = provenance.to_json()
    with atomic_path(png) as temporary:
        notes = {"Software": None, PROVENANCE_KEY: made_by}
        figure.savefig(temporary, format="png", dpi=PNG_DPI, metadata=notes)
    figure.set_layout_engine("none")  # laid out once: both files have the same, in half the time
    with atomic_path(svg) as temporary:
        notes = {"Date": None, "Creator": None, "Description": made_by}
        figure.savefig(temporary, format="svg", metadata=notes)


def write_figure(stage: "Stage", draw: Callable[..., Figure], *given, **options) -> None:
    """Draw in the look of this project, and save as the outputs `png` and `svg` of a stage."""
    with styled():
        figure = draw(*given, **options)
        save_figure(figure, stage.outputs.png, stage.outputs.svg, stage.provenance)


def empty_panel(axes: Axes, message: str) -> None:
    """Say in a panel why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center", color=GREY)


def colors_of(names: Iterable[str]) -> dict[str, str]:
    """One colour per name, in their order, the same again where there are many."""
    return dict(zip(names, cycle(CYCLE), strict=False))
