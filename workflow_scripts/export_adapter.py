"""One experiment's edit, with its corrections, as a PEFT LoRA adapter."""

from pathlib import Path

from memat import io
from memat.edit.storage import read_deltas
from memat.editor.adapter import write_adapter
from memat.editor.layers import Carried, added_up
from memat.heads.deployment import correction_biases, read_corrections
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    model = model_for(stage.inputs.manifest, stage.params.compute | {"device": "cpu"})
    folder = Path(stage.outputs.manifest).parent
    parts = [Carried(read_deltas(path)) for path in stage.inputs.deltas]
    for path in stage.inputs.corrections:
        found = read_corrections(path)
        biases = correction_biases(model, found.heads, found.omega, found.heads_per_layer)
        parts.append(Carried({}, biases))
    source = io.read_json(stage.inputs.manifest)["source"]
    base = {key: source.get(key) for key in ("repo", "revision")} | {"model": model_name(stage)}
    about = {"experiment": folder.name.removesuffix(".adapter")}
    rank = stage.cfg["rank"]
    errors = write_adapter(model, added_up(parts), folder, about, stage.provenance, base, rank)
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "manifest.json")
    content = {p.name: {"bytes": p.stat().st_size, "sha256": io.sha256_of(p)} for p in files}
    io.write_json(stage.outputs.manifest, {"folder": ".", "files": content}, stage.provenance)
    size = sum(p.stat().st_size for p in files) / 1e6
    return f"{size:.1f} MB, relative error of the cut to rank {rank}: {max(errors.values()):.2g}"


def model_name(stage: Stage) -> str:
    """Name of the model's spec, which its folder has."""
    return Path(stage.inputs.manifest).parent.name


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
