"""One step of an edit in steps: deltas of its facts, found on the model with the steps before it."""

from memat import io
from memat.edit.requests import requests_of_step
from memat.edit.step import LanguageRequests, StepSettings, edit_step
from memat.edit.storage import read_deltas, read_layers, read_step_keys, summed, write_deltas
from memat.edit.update import DeltaSettings, edited
from memat.edit.values import ValueSettings
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.text.languages import language_of


def main(stage: Stage) -> str:
    params, inputs, cfg = stage.params, stage.inputs, stage.cfg
    model = model_for(inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    place = (params.block, params.start, params.end, params.languages)
    requests = requests_of_step(bilingual, blocks, *place)
    templates = [io.read_json(path)["templates"] for path in inputs.templates]
    languages = [language_of(keys) for keys in params.language_keys]
    carried = summed([read_deltas(path) for path in inputs.earlier])
    settings = StepSettings(
        params.layers,
        ValueSettings(**cfg["values"]),
        DeltaSettings(**cfg["deltas"]),
        params.together,
        stage.memory_mb,
        params.combine,
    )
    with edited(model, carried):
        step = edit_step(
            model,
            [LanguageRequests(*part) for part in zip(languages, requests, templates, strict=True)],
            read_layers(inputs.covariance, params.layers),
            settings,
            read_layers(inputs.protected[0], params.layers) if inputs.protected else {},
            read_step_keys(inputs.earlier) if params.keep_earlier else {},
        )
    write_deltas(stage.outputs.step, step.deltas, stage.provenance, step.keys)
    return f"{len(requests[0])} facts after {len(inputs.earlier)} steps"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
