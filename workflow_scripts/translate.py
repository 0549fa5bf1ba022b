"""Translates each distinct sentence of the facts once."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.engines.make import make_engine
from memat.text.languages import load_language
from memat.text.translate import translate_facts


def main(stage: Stage) -> None:
    translations = translate_facts(
        io.read_table(stage.inputs.facts),
        make_engine(stage.cfg, stage.threads),
        load_language(stage.inputs.source_language),
        load_language(stage.inputs.target_language),
        stage.cfg["protect_subject"],
    )
    io.write_table(stage.outputs.translations, translations, stage.provenance)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
