"""Writes the table of prompts that a person should look at."""

import polars as pl

from memat import io
from memat.stage import Stage, run_stage
from memat.text.languages import language_of
from memat.text.review import WORTH_A_LOOK, column_table, review_table, suspicion_table
from memat.text.translate import join_translations


def main(stage: Stage) -> str:
    repaired = io.read_table(stage.inputs.repaired)
    suspicion = suspicion_table(
        io.read_table(stage.inputs.facts),
        join_translations(map(io.read_table, stage.inputs.translations)),
        repaired,
        language_of(stage.params.source_language),
        language_of(stage.params.target_language),
    )
    review = review_table(
        repaired,
        io.read_table(stage.inputs.rejected),
        stage.cfg["sample"],
        stage.params.seed,
        suspicion,
    )
    io.write_csv(stage.outputs.review, review)
    io.write_csv(stage.outputs.columns, column_table())
    suspicious = review.filter(pl.col("suspicion") >= WORTH_A_LOOK).height
    return f"{review.height} prompts to look at, {suspicious} of them suspicious"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
