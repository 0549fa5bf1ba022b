"""Second moments of the keys in every edit layer, over one shard of the text."""

from memat import io
from memat.edit.covariance import key_moments
from memat.edit.storage import write_moments
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    cfg = stage.cfg
    model = model_for(stage.inputs.manifest, stage.params.compute)
    moments = key_moments(
        model,
        io.read_table(stage.inputs.text)["text"].to_list(),
        stage.params.layers,
        tokens=cfg["tokens"],
        max_length=cfg["sequence_length"],
        token_budget=token_budget(model, stage.memory_mb, gradients=False),
        rows_together=cfg["batch_size"],
        shard=stage.params.shard,
        shards=stage.params.shards,
    )
    write_moments(stage.outputs.moments, moments, stage.provenance)
    return f"{moments.tokens} tokens"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
