"""Context templates in one language, written by the unedited model."""

from memat import io
from memat.edit.text_sample import make_templates
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.text.languages import language_of


def main(stage: Stage) -> str:
    model = model_for(stage.inputs.manifest, stage.params.compute)
    language = language_of(stage.params.language_keys)
    templates = make_templates(model, language.openers[: stage.cfg["count"]], stage.cfg["tokens"])
    io.write_json(stage.outputs.templates, {"templates": templates}, stage.provenance)
    return f"{len(templates)} templates"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
