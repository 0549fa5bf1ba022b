"""Lists the lost facts and prompts for a person: source sentence, and the reason in words."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.lost import lost_table
from memat.text.reader import read_format


def main(stage: Stage) -> str:
    rejected = io.read_tables(stage.inputs.rejected)
    source, _ = read_format(stage.inputs.facts, stage.cfg["format"], stage.cfg["own"])
    lost = lost_table(source, rejected)
    io.write_csv(stage.outputs.lost, lost)
    facts = lost.filter(what="fact").height
    return f"{facts} lost facts, {lost.height - facts} lost prompts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
