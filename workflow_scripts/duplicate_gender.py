"""Makes two records of each fact in one language, one for each target."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.gender import LeastPrompts, paired_facts
from memat.text.languages import language_of
from memat.text.rejections import counted


def main(stage: Stage) -> str:
    paired, rejected = paired_facts(
        io.read_table(stage.inputs.facts),
        io.read_table(stage.inputs.repaired),
        language_of(stage.params.target_language),
        LeastPrompts(stage.cfg["min_paraphrases"], stage.cfg["min_neighborhood"]),
    )
    io.write_table(stage.outputs.paired, paired, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    return counted(paired, rejected)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
