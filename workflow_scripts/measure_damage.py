"""An edited model beside the unedited one on held-out text, and the size of its updates."""

from memat import io
from memat.edit.storage import read_deltas
from memat.evaluate.damage import read_texts, text_damage, update_sizes
from memat.heads.deployment import carrying
from memat.model.budget import CPU_TOKENS
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    inputs = stage.inputs
    model = model_for(inputs.manifest, stage.params.compute)
    texts = read_texts(dict(zip(stage.params.languages, inputs.texts, strict=True)))
    edited = carrying(model, inputs.deltas, inputs.corrections)
    damage = text_damage(model, texts, edited, CPU_TOKENS, stage.cfg["tokens"])
    sizes = update_sizes(model, [read_deltas(path) for path in inputs.deltas])
    io.write_table(stage.outputs.damage, damage, stage.provenance)
    io.write_table(stage.outputs.updates, sizes, stage.provenance)
    return f"{damage['n_tokens'].sum()} tokens, {damage.height} paragraphs"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
