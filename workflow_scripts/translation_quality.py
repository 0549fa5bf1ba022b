"""Measures the translation against the reference."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.languages import language_of
from memat.text.quality import translation_quality
from memat.text.two_record import read_two_record


def main(stage: Stage) -> str:
    language = language_of(stage.params.target_language)
    quality = translation_quality(
        io.read_table(stage.inputs.prompts),
        io.read_tables(stage.inputs.translations),
        read_two_record(stage.inputs.reference, language.elided_endings),
        language,
    )
    io.write_table(stage.outputs.quality, quality, stage.provenance)
    io.write_csv(stage.outputs.quality_csv, quality)
    return f"{quality.height} rows"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
