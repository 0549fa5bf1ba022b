"""Counts the records after each step and collects everything rejected."""

import polars as pl

from memat import io
from memat.stage import Stage, run_stage
from memat.text.funnel import drawn_facts, funnel_table
from memat.text.lost import left_out_neighbours


def main(stage: Stage) -> str:
    inputs = stage.inputs
    names = ("facts_rejected", "repaired_rejected", "bilingual_rejected", "blocks_rejected")
    paths = [getattr(inputs, name) for name in names if hasattr(inputs, name)]
    rejected = pl.concat([io.read_table(path) for path in paths])
    drawn = drawn_facts(
        io.read_table(inputs.bilingual), io.read_table(inputs.blocks), stage.params.source
    )
    facts = io.read_table(inputs.facts)
    funnel = funnel_table(facts, rejected, drawn)
    edited = left_out_neighbours(facts, io.read_table(inputs.blocks_rejected))
    io.write_table(stage.outputs.funnel, funnel, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    io.write_csv(stage.outputs.funnel_csv, funnel)
    io.write_csv(stage.outputs.edited_neighbours, edited)
    given, *_, bilingual, used = funnel["records"]
    return f"{given} facts given, {bilingual} in both languages, {used} used by the run"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
