"""Value vectors z of one shard of a block's facts, in one language or shared by several."""

import torch

from memat import io
from memat.edit.requests import requests_of_block
from memat.edit.values import ValueSettings, optimise_joint_values
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.tensors import write_tensors
from memat.text.languages import load_language


def main(stage: Stage) -> None:
    params, cfg = stage.params, dict(stage.cfg)
    shard_size = cfg.pop("shard_size")
    shard = slice(params.shard * shard_size, (params.shard + 1) * shard_size)
    model = model_for(stage.inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(stage.inputs.bilingual), io.read_table(stage.inputs.blocks)
    requests = requests_of_block(bilingual, blocks, params.block, params.languages)
    requests = [of_language[shard] for of_language in requests]
    values = optimise_joint_values(
        model,
        requests,
        [io.read_json(path)["templates"] for path in stage.inputs.templates],
        [load_language(path).kl_prompt for path in stage.inputs.language_files],
        params.value_layer,
        ValueSettings(**cfg),
        token_budget(model, params.compute["memory_mb"], gradients=True),
        params.solver,
    )
    # one language is written without its dimension
    tensors = {
        "z": values.z.squeeze(0),
        "initial": values.initial.squeeze(0),
        "losses": values.losses,
        "case_ids": torch.tensor([request.case_id for request in requests[0]]),
    }
    write_tensors(stage.outputs.values, tensors, stage.provenance)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
