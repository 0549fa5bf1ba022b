"""The covariance of every edit layer, from the second moments of all shards of the text."""

from memat.edit.covariance import mean_moments
from memat.edit.storage import read_moments, write_layers
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    means, tokens = mean_moments([read_moments(path) for path in stage.inputs.moments])
    write_layers(stage.outputs.covariance, means, stage.provenance, tokens=tokens)
    return f"{tokens} tokens, layers {', '.join(map(str, means))}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
