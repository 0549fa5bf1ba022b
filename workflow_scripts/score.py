"""Scores of all prompts of a shard of facts with the model of one experiment, and what it says."""

import polars as pl

from memat import io
from memat.edit.requests import asked_of_block, without_prompts
from memat.evaluate.asked import ANSWER_SCHEMA, answered_rows, scored_rows
from memat.evaluate.context import with_context
from memat.evaluate.distracted import prompts_of_types
from memat.evaluate.pairing import rows_to_score
from memat.heads.deployment import carrying
from memat.model.budget import trie_budget
from memat.model.for_stage import model_for
from memat.shards import groups_of_shard
from memat.stage import Stage, run_stage

COLUMNS = ("case_id", "block", "language", "role", "prompt_type", "index")
COLUMNS += ("nll", "n_tokens", "is_greedy")


def main(stage: Stage) -> str:
    params, inputs, cfg = stage.params, stage.inputs, stage.cfg
    model = model_for(inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    asked = asked_of_block(bilingual, blocks, params.block, params.languages, params.edited)
    asked = without_prompts(asked, io.read_table(inputs.blocks_rejected))
    asked = prompts_of_types(asked, cfg["prompt_types"])
    if params.context:
        asked = with_context(model, asked, *params.context, trie_budget(model))
    rows = rows_to_score(asked, params.languages[1:], cfg["pairing"])
    cases = rows["case_id"].unique(maintain_order=True)
    groups = groups_of_shard(len(cases), params.shard, cfg["shard_size"], params.together)
    in_group = [pl.col("case_id").is_in(cases[group].implode()) for group in groups]
    with carrying(model, inputs.deltas, inputs.corrections):
        scored = [scored_rows(model, rows.filter(group)) for group in in_group]
        answers = [
            answered_rows(model, asked.filter(group), params.block, cfg["generate"])
            for group in in_group
        ]
    # shards are counted in all facts of the set, so the last may have none of the edit's
    frame = pl.concat(scored or [scored_rows(model, rows.clear())])
    frame = frame.with_columns(block=pl.lit(params.block)).select(COLUMNS)
    io.write_table(stage.outputs.scores, frame, stage.provenance)
    answers = pl.concat([pl.DataFrame(schema=ANSWER_SCHEMA), *answers])
    io.write_table(stage.outputs.answers, answers, stage.provenance)
    return f"{frame['case_id'].n_unique()} facts, {frame.height} targets"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
