"""One experiment's edit, with its corrections, as a PEFT LoRA adapter."""

from pathlib import Path

from memat import io
from memat.edit.storage import read_deltas
from memat.editor.adapter import write_adapter
from memat.editor.layers import Carried, added_up
from memat.evaluate.export import list_files
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
    base = {key: source.get(key) for key in ("repo", "revision")}
    base["model"] = Path(stage.inputs.manifest).parent.name  # of its spec, as its folder has
    about = {"experiment": folder.name.removesuffix(".adapter")}
    rank = stage.cfg["rank"]
    errors = write_adapter(model, added_up(parts), folder, about, stage.provenance, base, rank)
    size = sum(list_files(Path(stage.outputs.manifest), stage.provenance)) / 1e6
    return f"{size:.1f} MB, relative error of the cut to rank {rank}: {max(errors.values()):.2g}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
