"""Counts the records after each step and collects everything rejected."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.edited import STAGE as EDITED
from memat.text.funnel import drawn_rows, funnel_table
from memat.text.lost import left_out_neighbours
from memat.text.prompts import facts_by_language
from memat.text.review import surprising_prompts


def main(stage: Stage) -> str:
    inputs, params = stage.inputs, stage.params
    rejected = io.read_tables(inputs.rejected)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    drawn = drawn_rows(bilingual, blocks, rejected, params.source, params.targets)
    facts = io.read_table(inputs.facts)
    reviews = dict(zip(params.reviewed, map(io.read_csv, inputs.reviews), strict=True))
    surprising = {code: surprising_prompts(review) for code, review in reviews.items()}
    funnel = funnel_table(facts, rejected, params.targets, drawn, surprising)
    io.write_table(stage.outputs.funnel, funnel, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    io.write_csv(stage.outputs.funnel_csv, funnel)
    edited = left_out_neighbours(facts, rejected.filter(stage=EDITED))
    io.write_csv(stage.outputs.edited_neighbours, edited)
    counts = facts_by_language(bilingual)
    left = ", ".join(f"{counts.get(code, 0)} in {code}" for code in params.targets)
    return f"{funnel['records'][0]} facts given, {left}, {blocks.height} used by the run"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
