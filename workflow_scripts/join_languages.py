"""Puts the prompts of the facts and every language's agreed prompts together in one table."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.prompts import facts_by_language, join_languages


def main(stage: Stage) -> str:
    paired = [io.read_table(path) for path in stage.inputs.paired]
    bilingual = join_languages(io.read_table(stage.inputs.prompts), paired)
    io.write_table(stage.outputs.bilingual, bilingual, stage.provenance)
    counts = facts_by_language(bilingual).items()
    return f"facts by language: {', '.join(f'{code} {n}' for code, n in counts) or 'none'}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
