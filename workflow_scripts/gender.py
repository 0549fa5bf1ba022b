"""Makes two records of each fact, one for each target, and pairs the languages."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.gender import LeastPrompts, bilingual_facts
from memat.text.languages import language_of
from memat.text.rejections import counted


def main(stage: Stage) -> str:
    bilingual, rejected = bilingual_facts(
        io.read_table(stage.inputs.facts),
        io.read_table(stage.inputs.repaired),
        language_of(stage.params.source_language),
        language_of(stage.params.target_language),
        LeastPrompts(stage.cfg["min_paraphrases"], stage.cfg["min_neighborhood"]),
    )
    io.write_table(stage.outputs.bilingual, bilingual, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    return counted(bilingual, rejected)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
