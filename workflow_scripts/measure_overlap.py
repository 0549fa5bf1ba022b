"""Token overlap of each target language with the source (Jaccard), and the subsets made from it."""

import polars as pl
from transformers import AutoTokenizer

from memat import io
from memat.model.manifest import model_folder
from memat.stage import Stage, run_stage
from memat.text.overlap import overlap_table, subsets


def main(stage: Stage) -> str:
    tokenizer = AutoTokenizer.from_pretrained(model_folder(stage.inputs.manifest))
    overlap = overlap_table(
        io.read_table(stage.inputs.bilingual),
        lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
        stage.params.source,
        stage.params.targets,
    )
    io.write_table(stage.outputs.overlap, overlap, stage.provenance)
    for name, frame in subsets(overlap, stage.cfg["same"], stage.cfg["different"]).items():
        io.write_table(getattr(stage.outputs, name), frame, stage.provenance)
    means = overlap.group_by("language", maintain_order=True).agg(
        pl.col("subject").mean(), pl.len()
    )
    told = [
        f"{code} {100 * mean:.0f}% over {facts} facts" for code, mean, facts in means.iter_rows()
    ]
    return f"mean overlap of subjects: {', '.join(told) or 'unknown'}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
