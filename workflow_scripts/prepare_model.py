"""The model under edit as a safetensors folder with a manifest of checksums."""

from pathlib import Path

import yaml

from memat import io
from memat.model.prepare import prepare_model
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    spec = yaml.safe_load(Path(stage.inputs.spec).read_text(encoding="utf-8"))
    manifest = Path(stage.outputs.manifest)
    lock = Path(f"{manifest.parent}.lock.json")
    content = prepare_model(spec, manifest.parent, lock)
    io.write_json(manifest, content, stage.provenance)
    return f"{manifest.parent.name}, {len(content['files'])} files"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
