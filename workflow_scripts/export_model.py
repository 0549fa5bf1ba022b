"""One experiment's edited and corrected model as an ordinary Hugging Face folder."""

from pathlib import Path

from memat.evaluate.export import export_model, list_files
from memat.heads.deployment import carrying
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    model = model_for(stage.inputs.manifest, stage.params.compute | {"device": "cpu"})
    manifest = Path(stage.outputs.manifest)
    with carrying(model, stage.inputs.deltas, stage.inputs.corrections):
        export_model(model, manifest.parent)
    sizes = list_files(manifest, stage.provenance)
    return f"{len(sizes)} files, {sum(sizes) / 1e9:.2f} GB"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
