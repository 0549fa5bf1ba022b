"""Figure: loss curves of the values and of the head corrections."""

from pathlib import Path

import numpy as np

from memat.report.figure_losses import draw_losses
from memat.report.figures import save_figure, styled
from memat.stage import Stage, run_stage
from memat.tensors import read_tensors


def main(stage: Stage) -> str:
    # results/edits/memit-ca/block_0/values_0.safetensors: shards and blocks of one edit
    values = _grouped(stage.inputs.values, lambda path: path.parents[1].name)
    # results/corrections/memit-ca_en_located-16/block_0.safetensors: blocks of one correction
    corrections = _grouped(
        stage.inputs.corrections, lambda path: tuple(path.parent.name.rsplit("_", 2))
    )
    with styled():
        figure = draw_losses(values, corrections, stage.cfg["stop_loss"])
        save_figure(figure, stage.outputs.png, stage.outputs.svg, stage.provenance)
    return f"curves of {len(values)} edits and {len(corrections)} corrections"


def _grouped(paths, name_of) -> dict:
    """Loss curves by name, one row per fact or block; NaN fills shorter curves."""
    curves = {}
    for path in map(Path, paths):
        losses = np.atleast_2d(read_tensors(path)[0]["losses"].double().numpy())
        curves.setdefault(name_of(path), []).extend(losses)
    steps = {name: max(map(len, rows)) for name, rows in curves.items()}
    return {
        name: np.array(
            [np.pad(row, (0, steps[name] - len(row)), constant_values=np.nan) for row in rows]
        )
        for name, rows in curves.items()
    }


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
