"""Scores of all prompts of a shard of facts with the model of one experiment."""

import polars as pl

from memat import io
from memat.edit.requests import facts_of_block, without_prompts
from memat.evaluate.pairing import concatenated
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.heads.deployment import carrying
from memat.model.budget import tree_budget
from memat.model.editable import EditableModel
from memat.model.for_stage import model_for
from memat.shards import groups_of_shard
from memat.stage import Stage, run_stage

COLUMNS = ("case_id", "block", "language", "role", "kind", "index")


def main(stage: Stage) -> str:
    params, inputs, cfg = stage.params, stage.inputs, stage.cfg
    model = model_for(inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    edited = io.read_table(inputs.blocks_rejected)
    source, target = (
        without_prompts(facts_of_block(bilingual, blocks, params.block, language), edited)
        for language in params.languages
    )
    if cfg["pairing"] == "concatenated":
        target = concatenated(target)
    rows = pl.concat([source, target])
    cases = rows["case_id"].unique(maintain_order=True)
    groups = groups_of_shard(len(cases), params.shard, cfg["shard_size"], params.together)
    with carrying(model, inputs.deltas, inputs.corrections):
        scored = [
            scored_rows(model, rows.filter(pl.col("case_id").is_in(cases[group].implode())))
            for group in groups
        ]
    frame = pl.concat(scored).with_columns(pl.lit(params.block).alias("block"))
    io.write_table(
        stage.outputs.scores, frame.select(*COLUMNS, "nll", "n_tokens", "hit"), stage.provenance
    )
    return f"{frame['case_id'].n_unique()} facts, {frame.height} targets"


def scored_rows(model: EditableModel, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with nll, n_tokens and hit of their target after their prompt."""
    prompts = [PromptTarget(*row) for row in rows.select("prompt", "target", "joined").iter_rows()]
    scores = score_prompts(model, prompts, tree_budget(model))
    return rows.with_columns(
        pl.Series("nll", scores.nll.numpy()),
        pl.Series("n_tokens", scores.n_tokens.numpy()),
        pl.Series("hit", scores.hit.numpy()),
    )


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
