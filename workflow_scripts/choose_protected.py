"""The subjects that an edit of one set of facts protects, and those left out with their reasons."""

from memat import io
from memat.edit.protected_subjects import choose_protected, read_subject_list, subjects_of_facts
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    inputs, params = stage.inputs, stage.params
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    if inputs.subjects:
        candidates = read_subject_list(inputs.subjects[0], params.languages)
    else:
        candidates = subjects_of_facts(bilingual, blocks, params.block)
    kept, left_out = choose_protected(candidates, bilingual, blocks, params.block)
    io.write_table(stage.outputs.subjects, kept, stage.provenance)
    io.write_csv(stage.outputs.left_out, left_out)
    return f"{kept.height} prompts with a subject to protect, {left_out.height} left out"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
