"""The sum of several deltas of the same facts: of an edit's languages, or of its steps."""

from memat.edit.storage import read_deltas, summed, write_deltas
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    parts = [read_deltas(path) for path in stage.inputs.deltas]
    write_deltas(stage.outputs.deltas, summed(parts), stage.provenance)
    return f"{len(parts)} edits added up"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
