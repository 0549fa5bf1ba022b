"""How surprising the unedited model finds each translation, for the review."""

from memat import io
from memat.evaluate.surprisal import sentence_surprisal
from memat.model.budget import trie_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.text.translate import join_translations, translated_sentences


def main(stage: Stage) -> str:
    inputs = stage.inputs
    translations = join_translations(map(io.read_table, inputs.translations))
    model = model_for(inputs.manifest, stage.params.compute)
    table = sentence_surprisal(model, translated_sentences(translations), trie_budget(model))
    io.write_table(stage.outputs.surprisal, table, stage.provenance)
    median = table["nats_per_token"].median()
    return f"{table.height} sentences, median {median:.2f} nats per token"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
