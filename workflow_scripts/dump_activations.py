"""Head activations of an edited model at the end of true and new sentences, one shard of facts."""

import torch

from memat import io
from memat.edit.requests import NEW, TRUE, facts_of_block, rewrite_requests, with_both_targets
from memat.edit.storage import edited_by
from memat.heads.activations import dump_activations, object_numbers, write_activations
from memat.model.for_stage import model_for
from memat.shards import groups_of_shard
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, cfg = stage.params, stage.cfg
    model = model_for(stage.inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(stage.inputs.bilingual), io.read_table(stage.inputs.blocks)
    every = facts_of_block(bilingual, blocks, params.block, params.language, params.edited)
    rows = with_both_targets(every)
    true, new = rewrite_requests(rows, TRUE), rewrite_requests(rows, NEW)
    requests, labels = true + new, [0] * len(true) + [1] * len(new)
    true_rows, new_rows = range(len(true)), range(len(true), len(requests))
    groups = [
        [*true_rows[group], *new_rows[group]]
        for group in groups_of_shard(len(true), params.shard, cfg["shard_size"], params.together)
    ] or [[]]  # shards are counted in all facts, so one may have none with a true target
    with edited_by(model, [stage.inputs.deltas]):
        found = [
            dump_activations(model, [requests[i] for i in group], [labels[i] for i in group])
            for group in groups
        ]
    objects = object_numbers([request.target for request in requests])
    of_sentences = torch.cat([objects[group] for group in groups])
    write_activations(
        stage.outputs.activations, found, of_sentences, cfg["refine"], stage.provenance
    )
    unknown = every["case_id"].n_unique() - len(true)
    return f"{len(of_sentences)} sentences; {unknown} facts have no true target to be told apart"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
