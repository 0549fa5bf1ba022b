"""Writes the table of prompts that a person should look at."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.review import column_table, review_table


def main(stage: Stage) -> str:
    review = review_table(
        io.read_table(stage.inputs.repaired),
        io.read_table(stage.inputs.rejected),
        stage.cfg["sample"],
        stage.params.seed,
    )
    io.write_csv(stage.outputs.review, review)
    io.write_csv(stage.outputs.columns, column_table())
    return f"{review.height} prompts to look at"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
