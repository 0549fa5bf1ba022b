"""Value vectors z of one shard of a block's facts."""

import torch

from memat import io
from memat.edit.requests import NEW, facts_of_block, rewrite_requests
from memat.edit.values import ValueSettings, optimise_values
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.tensors import write_tensors
from memat.text.languages import load_language


def main(stage: Stage) -> None:
    params, cfg = stage.params, dict(stage.cfg)
    shard_size = cfg.pop("shard_size")
    model = model_for(stage.inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(stage.inputs.bilingual), io.read_table(stage.inputs.blocks)
    rows = facts_of_block(bilingual, blocks, params.block, params.language)
    requests = rewrite_requests(rows, NEW)
    requests = requests[params.shard * shard_size : (params.shard + 1) * shard_size]
    values = optimise_values(
        model,
        requests,
        io.read_json(stage.inputs.templates)["templates"],
        load_language(stage.inputs.language_file).kl_prompt,
        params.value_layer,
        ValueSettings(**cfg),
        token_budget(model, params.compute["memory_mb"], gradients=True),
    )
    tensors = {
        "z": values.z,
        "initial": values.initial,
        "losses": values.losses,
        "case_ids": torch.tensor([request.case_id for request in requests]),
    }
    write_tensors(stage.outputs.values, tensors, stage.provenance)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
