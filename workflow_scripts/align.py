"""Aligns the words of each sentence with those of its translation (simalign)."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.align import align_translations, aligner_of


def main(stage: Stage) -> str:
    aligner = aligner_of(dict(stage.cfg), getattr(stage.inputs, "manifest", None))
    alignments = align_translations(
        io.read_table(stage.inputs.prompts), io.read_tables(stage.inputs.translations), aligner
    )
    io.write_table(stage.outputs.alignments, alignments, stage.provenance)
    return f"{alignments.height} sentences aligned"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
