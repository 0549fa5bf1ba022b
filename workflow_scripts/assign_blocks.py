"""Draws the facts of the run, cuts them into blocks, and tells which neighbours are edited.

The first stage that needs facts.
"""

from memat import io
from memat.errors import NotEnoughFacts
from memat.stage import Stage, run_stage
from memat.text.blocks import assign_blocks
from memat.text.edited import edited_neighbours
from memat.text.rejections import losses_in_words, require_facts


def main(stage: Stage) -> str:
    cfg = stage.cfg
    bilingual = io.read_table(stage.inputs.bilingual)
    rejected = io.read_tables(stage.inputs.rejected)
    losses = losses_in_words(bilingual, rejected, stage.inputs.lost)
    require_facts(bilingual, losses)
    try:
        blocks = assign_blocks(
            bilingual,
            io.read_table(stage.inputs.subset),
            split=cfg["split"],
            size=cfg["size"],
            count=cfg["count"],
            donor=cfg["donor"],
            tuning=cfg["tuning"],
            seed=stage.params.seed,
        )
    except NotEnoughFacts as error:
        raise NotEnoughFacts(f"{error}. {losses}") from None
    edited = edited_neighbours(bilingual, blocks, stage.params.source)
    io.write_table(stage.outputs.blocks, blocks, stage.provenance)
    io.write_table(stage.outputs.rejected, edited, stage.provenance)
    return (
        f"{blocks.height} facts in {blocks['block'].n_unique()} sets; {edited.height} neighbour"
        " prompts left out, as their subject is edited in the same set"
    )


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
