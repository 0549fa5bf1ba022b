"""Takes a target language from facts that hold it: no translation, no repair."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.gender import LeastPrompts
from memat.text.imported import import_bilingual
from memat.text.languages import language_of
from memat.text.reader import load_reader
from memat.text.rejections import counted


def main(stage: Stage) -> str:
    language = language_of(stage.params.target_language)
    settings = dict(stage.params.align)
    manifest = getattr(stage.inputs, "manifest", None)

    def align(words):
        from memat.text.align import aligner_of

        return aligner_of(settings, manifest).align(words)

    reader = load_reader(stage.cfg["format"])
    paired, rejected = import_bilingual(
        io.read_table(stage.inputs.facts),
        reader.read_language(stage.inputs.source, stage.cfg["own"], language),
        language,
        LeastPrompts(stage.cfg["min_paraphrases"], stage.cfg["min_neighborhood"]),
        align if settings else None,
    )
    io.write_table(stage.outputs.paired, paired, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    return counted(paired, rejected)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
