"""Value vectors z of one shard of a block's facts, in one language or shared by several."""

import torch

from memat import io
from memat.edit.requests import requests_of_block
from memat.edit.storage import write_values
from memat.edit.values import ValueSettings, no_values, optimise_values
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.shards import groups_of_shard
from memat.stage import Stage, run_stage
from memat.text.languages import language_of


def main(stage: Stage) -> str:
    params, cfg = stage.params, dict(stage.cfg)
    shard_size = cfg.pop("shard_size")
    model = model_for(stage.inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(stage.inputs.bilingual), io.read_table(stage.inputs.blocks)
    requests = requests_of_block(bilingual, blocks, params.block, params.languages)
    groups = groups_of_shard(len(requests[0]), params.shard, shard_size, params.together)
    found = [
        optimise_values(
            model,
            [of_language[group] for of_language in requests],
            [io.read_json(path)["templates"] for path in stage.inputs.templates],
            [language_of(keys).kl_prompt for keys in params.language_keys],
            params.layers,
            ValueSettings(**cfg),
            token_budget(model, stage.memory_mb, gradients=True),
            params.solver,
        )
        for group in groups
    ] or [no_values(len(requests), model.d_model, cfg["steps"])]
    cases = [request.case_id for group in groups for request in requests[0][group]]
    write_values(stage.outputs.values, found, cases, stage.provenance)
    reached = sum(
        int((v.losses.nan_to_num(torch.inf).amin(1) < cfg["stop_loss"]).sum()) for v in found
    )
    return f"{len(cases)} facts, {reached} reached the stop loss"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
