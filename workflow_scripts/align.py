"""Aligns the words of each sentence with those of its translation (simalign)."""

from memat import io
from memat.model.manifest import model_folder
from memat.stage import Stage, run_stage
from memat.text.align import Aligner, align_translations
from memat.text.translate import join_translations


def main(stage: Stage) -> str:
    model, revision = stage.cfg["model"], stage.cfg["revision"]
    edited = getattr(stage.inputs, "manifest", None)
    aligner = Aligner(
        model_folder(edited) if edited else model,
        layer=stage.cfg["layer"],
        method=stage.cfg["method"],
        batch_size=stage.cfg["batch_size"],
        revision=None if edited else revision,
        causal=edited is not None,
    )
    alignments = align_translations(
        join_translations(map(io.read_table, stage.inputs.translations)), aligner
    )
    io.write_table(stage.outputs.alignments, alignments, stage.provenance)
    return f"{alignments.height} sentences aligned"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
