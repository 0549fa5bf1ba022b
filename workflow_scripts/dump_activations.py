"""Head activations of an edited model at the end of true and new sentences."""

import torch

from memat import io
from memat.edit.requests import NEW, TRUE, facts_of_block, rewrite_requests
from memat.edit.storage import edited_by
from memat.heads.activations import dump_activations
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.tensors import write_tensors


def main(stage: Stage) -> None:
    params = stage.params
    model = model_for(stage.inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(stage.inputs.bilingual), io.read_table(stage.inputs.blocks)
    rows = facts_of_block(bilingual, blocks, params.block, params.language)
    true, new = rewrite_requests(rows, TRUE), rewrite_requests(rows, NEW)
    labels = [0] * len(true) + [1] * len(new)
    with edited_by(model, [stage.inputs.deltas]):
        found = dump_activations(model, true + new, labels)
    tensors = {
        "values": found.values,
        "labels": found.labels,
        "case_ids": found.case_ids,
        "predicted": found.predicted,
        "objects": object_numbers([request.target for request in true + new]),
    }
    write_tensors(stage.outputs.activations, tensors, stage.provenance, refine=stage.cfg["refine"])


def object_numbers(targets: list[str]) -> torch.Tensor:
    """One number per distinct object, for splits by object."""
    numbers = {target: number for number, target in enumerate(dict.fromkeys(targets))}
    return torch.tensor([numbers[target] for target in targets])


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
