"""One sigmoid probe per attention head, its accuracies and the ranking of heads."""

from memat import io
from memat.heads.activations import HeadActivations
from memat.heads.probes import (
    ProbeSettings,
    rank_heads,
    refined,
    shuffled_accuracy,
    train_probes,
)
from memat.stage import Stage, run_stage
from memat.tensors import read_tensors, write_tensors


def main(stage: Stage) -> None:
    tensors, notes = read_tensors(stage.inputs.activations)
    settings, seed = ProbeSettings(**stage.cfg), stage.params.seed
    activations = HeadActivations(
        tensors["values"], tensors["labels"], tensors["case_ids"], tensors["predicted"]
    )
    groups = tensors["case_ids" if settings.group == "fact" else "objects"]
    if notes["refine"]:
        activations, groups = refined(activations, groups)
    probes = train_probes(activations, groups, settings, seed)
    control = shuffled_accuracy(activations, groups, settings, seed)
    io.write_table(stage.outputs.accuracy, rank_heads(probes, control), stage.provenance)
    write_tensors(
        stage.outputs.probes, {"weights": probes.weights, "biases": probes.biases}, stage.provenance
    )


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
