"""Draws the facts of the run and cuts them into blocks."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.blocks import assign_blocks


def main(stage: Stage) -> str:
    cfg = stage.cfg
    blocks = assign_blocks(
        io.read_table(stage.inputs.bilingual),
        io.read_table(stage.inputs.subset),
        split=cfg["split"],
        size=cfg["size"],
        count=cfg["count"],
        donor=cfg["donor"],
        tuning=cfg["tuning"],
        seed=stage.params.seed,
    )
    io.write_table(stage.outputs.blocks, blocks, stage.provenance)
    return f"{blocks.height} facts in {blocks['block'].n_unique()} sets"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
