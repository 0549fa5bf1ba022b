"""Second moments of the keys in every edit layer."""

from memat import io
from memat.edit.covariance import estimate_covariance
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.tensors import write_tensors


def main(stage: Stage) -> None:
    compute = stage.params.compute
    model = model_for(stage.inputs.manifest, compute)
    texts = io.read_table(stage.inputs.text)["text"].to_list()
    moments, tokens = estimate_covariance(
        model,
        texts,
        stage.params.layers,
        tokens=stage.cfg["tokens"],
        max_length=stage.cfg["sequence_length"],
        token_budget=token_budget(model, compute["memory_mb"], gradients=False),
    )
    tensors = {f"layer.{layer}": moment for layer, moment in moments.items()}
    write_tensors(stage.outputs.covariance, tensors, stage.provenance, tokens=tokens)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
