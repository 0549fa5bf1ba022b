"""Figure: loss curves of the values and of the head corrections."""

import numpy as np

from memat.report.figure_losses import draw_losses
from memat.report.figures import write_figure
from memat.stage import Stage, run_stage
from memat.tensors import read_tensors


def main(stage: Stage) -> str:
    params = stage.params
    values = {row["edit"]: _curves(row["files"]) for row in params.values}
    corrections = {
        (row["edit"], row["language"], row["heads"]): _curves(row["files"])
        for row in params.corrections
    }
    write_figure(stage, draw_losses, values, corrections, stage.cfg["stop_loss"])
    return f"curves of {len(values)} edits and {len(corrections)} corrections"


def _curves(paths: list[str]) -> np.ndarray:
    """One row per fact or block; NaN fills shorter curves."""
    curves = [
        curve
        for path in paths
        for curve in np.atleast_2d(read_tensors(path)[0]["losses"].double().numpy())
    ]
    steps = max(map(len, curves))
    return np.array([np.pad(c, (0, steps - len(c)), constant_values=np.nan) for c in curves])


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
