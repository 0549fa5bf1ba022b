"""Token overlap of the two languages (Jaccard), and the subsets made from it."""

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
        stage.params.target,
    )
    io.write_table(stage.outputs.overlap, overlap, stage.provenance)
    for name, frame in subsets(overlap, stage.cfg["same"], stage.cfg["different"]).items():
        io.write_table(getattr(stage.outputs, name), frame, stage.provenance)
    mean = f"{100 * overlap['subject'].mean():.0f}%" if overlap.height else "unknown"
    return f"mean overlap of subjects {mean} over {overlap.height} facts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
