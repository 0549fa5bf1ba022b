"""The update of every edit layer that carries a block's values into the weights."""

from memat import io
from memat.edit.requests import requests_of_block
from memat.edit.storage import read_layers, stack_languages, stack_values, write_deltas
from memat.edit.transported_keys import key_shifts
from memat.edit.update import DeltaSettings, spread
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, inputs = stage.params, stage.inputs
    model = model_for(inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    requests = requests_of_block(bilingual, blocks, params.block, params.languages)
    cases = [request.case_id for request in requests[0]]
    if params.stacked:
        values = stack_languages(inputs.values, len(params.languages), cases)
    else:
        values = stack_values(inputs.values, cases)
    others = read_layers(inputs.protected[0], params.layers) if inputs.protected else {}
    shifts = {}
    if params.transport:
        subjects = io.read_table(inputs.subjects[0])
        shifts = key_shifts(subjects, others, **params.transport)
    deltas, _keys = spread(
        model,
        requests,
        values,
        [io.read_json(path)["templates"] for path in inputs.templates],
        read_layers(inputs.covariance, params.layers),
        params.layers,
        DeltaSettings(**stage.cfg),
        token_budget(model, stage.memory_mb, gradients=False),
        others if params.protected else {},
        shifts=shifts,
    )
    write_deltas(stage.outputs.deltas, deltas, stage.provenance)
    return f"{len(cases)} facts in layers {', '.join(map(str, deltas))}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
