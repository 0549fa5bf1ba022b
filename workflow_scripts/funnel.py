"""Counts the records after each step and collects everything rejected."""

import polars as pl

from memat import io
from memat.stage import Stage, run_stage
from memat.text.funnel import funnel_table


def main(stage: Stage) -> str:
    names = ("facts_rejected", "repaired_rejected", "bilingual_rejected")
    paths = [getattr(stage.inputs, name) for name in names if hasattr(stage.inputs, name)]
    rejected = pl.concat([io.read_table(path) for path in paths])
    funnel = funnel_table(io.read_table(stage.inputs.facts), rejected)
    io.write_table(stage.outputs.funnel, funnel, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    io.write_csv(stage.outputs.funnel_csv, funnel)
    return f"{funnel['records'][0]} facts given, {funnel['records'][-1]} left"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
