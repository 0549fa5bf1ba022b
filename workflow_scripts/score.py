"""Scores of all prompts of a block's facts with the model of one experiment."""

import polars as pl

from memat import io
from memat.edit.requests import facts_of_block
from memat.evaluate.pairing import concatenated
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.heads.deployment import carrying
from memat.model.budget import tree_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage

COLUMNS = ("case_id", "block", "language", "role", "kind", "index")


def main(stage: Stage) -> None:
    params, inputs = stage.params, stage.inputs
    model = model_for(inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    source, target = (
        facts_of_block(bilingual, blocks, params.block, language) for language in params.languages
    )
    if stage.cfg["pairing"] == "concatenated":
        target = concatenated(target)
    rows = pl.concat([source, target])
    prompts = [PromptTarget(*row) for row in rows.select("prompt", "target", "joined").iter_rows()]
    with carrying(model, inputs.deltas, inputs.corrections):
        scores = score_prompts(model, prompts, tree_budget(model))
    frame = rows.with_columns(
        pl.lit(params.block).alias("block"),
        pl.Series("nll", scores.nll.numpy()),
        pl.Series("n_tokens", scores.n_tokens.numpy()),
        pl.Series("hit", scores.hit.numpy()),
    ).select(*COLUMNS, "nll", "n_tokens", "hit")
    io.write_table(stage.outputs.scores, frame, stage.provenance)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
