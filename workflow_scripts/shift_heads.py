"""Inference-time intervention: vectors of the chosen heads, read off their activations."""

from memat import io
from memat.heads.activations import read_activations
from memat.heads.deployment import write_corrections
from memat.heads.iti import iti_shifts
from memat.heads.probes import ProbeSettings, choose_heads, split_sentences
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params = stage.params
    settings = ProbeSettings(**stage.cfg)
    activations, groups = read_activations(stage.inputs.activations, settings.group)
    inside = split_sentences(groups, settings, params.seed).train
    heads = choose_heads(io.read_table(stage.inputs.accuracy), params.k, params.select, params.seed)
    shifts = iti_shifts(activations, inside, heads, params.alpha)
    write_corrections(stage.outputs.corrections, shifts, stage.provenance)
    return f"{len(heads)} heads"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
