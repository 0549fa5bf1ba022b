"""Cuts translations into prompt, subject and target again."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.corrected import corrections_line
from memat.text.gender import LeastPrompts
from memat.text.languages import language_of
from memat.text.rejections import counted, lost_in
from memat.text.repair import repair_facts
from memat.text.reviewed import read_corrections


def main(stage: Stage) -> str:
    prompts = io.read_table(stage.inputs.prompts)
    corrections = next(iter(stage.inputs.corrections), None)
    repaired, rejected = repair_facts(
        io.read_table(stage.inputs.facts),
        prompts,
        io.read_tables(stage.inputs.translations),
        io.read_table(stage.inputs.alignments),
        language_of(stage.params.target_language),
        read_corrections(corrections, prompts) if corrections else None,
        LeastPrompts(stage.cfg["min_paraphrases"], stage.cfg["min_neighborhood"]),
    )
    io.write_table(stage.outputs.repaired, repaired, stage.provenance)
    rejected = lost_in(rejected, stage.params.language)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    line = counted(repaired, rejected)
    return f"{line}; {corrections_line(repaired, rejected)}" if corrections else line


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
