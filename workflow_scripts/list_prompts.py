"""Lists the prompts of the facts with every answer they are asked with, and gives each its id."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.prompts import list_prompts


def main(stage: Stage) -> str:
    facts = io.read_table(stage.inputs.facts)
    prompts = list_prompts(facts, stage.params.language)
    io.write_table(stage.outputs.prompts, prompts, stage.provenance)
    return f"{prompts.height} prompts of {facts.height} facts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
