"""Lists the lost facts and prompts for a person: source sentence, and the reason in words."""

import polars as pl

from memat import io
from memat.stage import Stage, run_stage
from memat.text.facts import read_format
from memat.text.lost import lost_table


def main(stage: Stage) -> str:
    rejected = pl.concat(map(io.read_table, stage.inputs.rejected))
    lost = lost_table(
        read_format(stage.inputs.facts, stage.cfg["format"], stage.cfg["neighbours"]), rejected
    )
    io.write_csv(stage.outputs.lost, lost)
    facts = lost.filter(what="fact").height
    return f"{facts} lost facts, {lost.height - facts} lost prompts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
