"""How surprising the unedited model finds each translation, for the review."""

from memat import io
from memat.evaluate.scores import sentence_surprisal
from memat.model.budget import trie_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.text.translate import translated_sentences


def main(stage: Stage) -> str:
    inputs = stage.inputs
    sentences = translated_sentences(io.read_tables(inputs.translations))
    model = model_for(inputs.manifest, stage.params.compute)
    read = sentence_surprisal(model, sentences["sentence"], trie_budget(model))
    table = sentences.join(read, on="sentence", maintain_order="left")
    io.write_table(stage.outputs.surprisal, table, stage.provenance)
    median = read["nats_per_token"].median()
    return f"{read.height} sentences, median {median:.2f} nats per token"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
