"""Loss curves: values over optimisation steps, corrections over epochs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memat.report.figures import DASHES, colors_of, empty_panel, new_figure

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
LINES = {"located": "-", "random": (0, (4, 2))}


def draw_losses(
    values: Mapping[str, np.ndarray],
    corrections: Mapping[tuple[str, str, str], np.ndarray],
    stop_loss: float,
) -> Figure:
    """values: edit → losses (n_facts, steps), NaN after a fact's own stop;
    corrections: (edit, language of the heads, "located-16" or "random-16") → losses
    (n_blocks, epochs). stop_loss: the loss below which a value stops.
    """
    figure = new_figure(11.0, 4.6, "How the losses fall")
    left, right = figure.subplots(1, 2)
    _draw_values(left, values, stop_loss)
    _draw_corrections(right, corrections)
    return figure


def carried_forward(losses: np.ndarray) -> np.ndarray:
    """Losses with a stopped fact staying at its last one, (n_facts, steps).

    Without this the median would be over the facts still running, that is over the
    hard ones, and would rise while every single loss falls.
    """
    steps = np.where(np.isfinite(losses), np.arange(losses.shape[1]), 0)
    last = np.maximum.accumulate(steps, axis=1)
    return np.take_along_axis(losses, last, axis=1)


def _draw_values(axes: Axes, values: Mapping[str, np.ndarray], stop_loss: float) -> None:
    axes.set_title("Values: median, 25–75% and 10–90% of the facts")
    if not values:
        empty_panel(axes, "no experiment edits the model")
        return
    for (name, color), losses in zip(colors_of(values).items(), values.values(), strict=True):
        steps = np.arange(1, losses.shape[1] + 1)
        low, lower, middle, upper, high = np.nanquantile(carried_forward(losses), QUANTILES, axis=0)
        axes.fill_between(steps, low, high, color=color, alpha=0.12, linewidth=0)
        axes.fill_between(steps, lower, upper, color=color, alpha=0.22, linewidth=0)
        stopped = 100 * np.mean(np.nanmin(losses, axis=1) < stop_loss)
        label = f"{name}: {len(losses)} facts, {stopped:.0f}% reach the stop"
        axes.plot(steps, middle, color=color, linewidth=1.8, label=label)
    axes.axhline(stop_loss, color="black", linewidth=0.8, linestyle=DASHES)
    axes.annotate(
        f"stop at {stop_loss:g}", (1, stop_loss), xycoords=("axes fraction", "data"),
        xytext=(-2, 3), textcoords="offset points", ha="right",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss of a fact (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right")


def _draw_corrections(axes: Axes, corrections: Mapping[tuple[str, str, str], np.ndarray]) -> None:
    axes.set_title("Corrections: mean over the facts")
    if not corrections:
        empty_panel(axes, "no experiment corrects heads")
        return
    colors = colors_of(dict.fromkeys(key[:2] for key in corrections))
    for (edit, language, selection), losses in corrections.items():
        look = {"color": colors[edit, language], "linestyle": LINES[selection.split("-")[0]]}
        epochs = np.arange(1, losses.shape[1] + 1)
        label = f"{edit}, {selection} in {language}"
        dots = {"marker": "o", "markersize": 3.5}
        axes.plot(epochs, losses.mean(axis=0), linewidth=1.8, label=label, **look, **dots)
        for block in losses if len(losses) > 1 else ():
            axes.plot(epochs, block, linewidth=0.5, alpha=0.5, **look)
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right")
