"""One sigmoid probe per attention head, its accuracies and the ranking of heads."""

import polars as pl

from memat import io
from memat.heads.activations import read_activations
from memat.heads.probes import (
    ProbeSettings,
    rank_heads,
    shuffled_accuracy,
    split_sentences,
    train_probes,
)
from memat.stage import Stage, run_stage
from memat.tensors import write_tensors


def main(stage: Stage) -> str:
    settings, seed = ProbeSettings(**stage.cfg), stage.params.seed
    activations, groups = read_activations(stage.inputs.activations, settings.group)
    probes = train_probes(activations, groups, settings, seed)
    control = shuffled_accuracy(activations, groups, settings, seed)
    split = split_sentences(groups, settings, seed)
    ranking = rank_heads(probes, control).with_columns(
        n_validation=pl.lit(int(split.validation.sum())), n_test=pl.lit(int(split.test.sum()))
    )
    io.write_table(stage.outputs.accuracy, ranking, stage.provenance)
    write_tensors(
        stage.outputs.probes, {"weights": probes.weights, "biases": probes.biases}, stage.provenance
    )
    best = ranking["accuracy"].max()
    return (
        f"best head {best:.1%} right in validation, best with shuffled labels {control.max():.1%}"
    )


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
