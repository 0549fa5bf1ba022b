"""Keys of the protected subjects of one set of facts, in every edit layer of the unedited model."""

from memat import io
from memat.edit.keys import subject_keys
from memat.edit.protected_subjects import protected_requests
from memat.edit.storage import write_layers
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, inputs = stage.params, stage.inputs
    model = model_for(inputs.manifest, params.compute)
    requests = protected_requests(io.read_table(inputs.subjects), params.languages)
    templates = dict(zip(params.languages, inputs.templates, strict=True))
    keys = subject_keys(
        model,
        list(requests.values()),
        [io.read_json(templates[code])["templates"] for code in requests],
        params.layers,
        stage.cfg["key_templates"],
        token_budget(model, stage.memory_mb, gradients=False),
    )
    write_layers(stage.outputs.protected, keys, stage.provenance)
    return f"{sum(map(len, requests.values()))} keys in layers {', '.join(map(str, keys))}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
