"""One experiment's edited and corrected model as an ordinary Hugging Face folder."""

from pathlib import Path

from memat import io
from memat.evaluate.export import export_model
from memat.heads.deployment import carrying
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    model = model_for(stage.inputs.manifest, stage.params.compute | {"device": "cpu"})
    folder = Path(stage.outputs.manifest).parent
    with carrying(model, stage.inputs.deltas, stage.inputs.corrections):
        export_model(model, folder)
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "manifest.json")
    content = {p.name: {"bytes": p.stat().st_size, "sha256": io.sha256_of(p)} for p in files}
    io.write_json(stage.outputs.manifest, {"folder": ".", "files": content}, stage.provenance)
    return f"{len(files)} files, {sum(p.stat().st_size for p in files) / 1e9:.2f} GB"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
