"""Writes the table of prompts that a person should look at."""

import polars as pl

from memat import io
from memat.stage import Stage, run_stage
from memat.text.languages import language_of
from memat.text.review import column_table, review_line, review_table, suspicion_table


def main(stage: Stage) -> str:
    repaired = io.read_table(stage.inputs.repaired)
    read = [io.read_table(path) for path in stage.inputs.surprisal]
    suspicion = suspicion_table(
        io.read_table(stage.inputs.prompts),
        io.read_tables(stage.inputs.translations),
        repaired,
        language_of(stage.params.source_language),
        language_of(stage.params.target_language),
        dict(pl.concat(read).select("prompt_id", "nats_per_token").iter_rows()) if read else {},
        stage.cfg["surprisal_z"] if read else 0,
    )
    review = review_table(
        repaired,
        io.read_table(stage.inputs.rejected),
        stage.cfg["sample"],
        stage.params.seed,
        suspicion,
        stage.cfg["wordings"],
    )
    io.write_csv(stage.outputs.review, review)
    io.write_csv(stage.outputs.columns, column_table())
    return review_line(review, bool(read))


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
