"""Text for the covariance: sampled from the model, a local file, or a hub corpus."""

import polars as pl

from memat import io
from memat.edit.text_sample import read_corpus, read_hub_corpus, sample_text
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.text.languages import language_of


def main(stage: Stage) -> str:
    cfg = stage.cfg
    if cfg["source"] == "text":
        texts = read_corpus(stage.inputs.corpus[0])
    elif cfg["source"] == "hub":
        texts = read_hub_corpus(cfg["path"], cfg["revision"], cfg["subset"], cfg["tokens"])
    else:
        languages = map(language_of, stage.params.language_keys)
        texts = sample_text(
            model_for(stage.inputs.manifest, stage.params.compute),
            [opener for language in languages for opener in language.openers],
            cfg["tokens"],
            cfg["sequence_length"],
            cfg["temperature"],
            cfg["batch_size"],
            stage.params.seed,
        )
    io.write_table(stage.outputs.text, pl.DataFrame({"text": texts}), stage.provenance)
    return f"{len(texts)} texts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
