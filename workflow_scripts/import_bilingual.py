"""Takes a dataset that is bilingual already: no translation, no repair."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.gender import LeastPrompts
from memat.text.imported import import_bilingual
from memat.text.languages import language_of
from memat.text.rejections import counted
from memat.text.two_record import read_two_record


def main(stage: Stage) -> str:
    source = language_of(stage.params.source_language)
    target = language_of(stage.params.target_language)
    bilingual, rejected = import_bilingual(
        io.read_table(stage.inputs.facts),
        read_two_record(stage.inputs.two_record, target.elided_endings),
        source,
        target,
        LeastPrompts(stage.cfg["min_paraphrases"], stage.cfg["min_neighborhood"]),
    )
    io.write_table(stage.outputs.bilingual, bilingual, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    return counted(bilingual, rejected)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
