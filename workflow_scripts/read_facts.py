"""Reads and validates the facts; unusable ones become rejected rows."""

from memat import io
from memat.stage import Stage, run_stage
from memat.text.facts import read_facts


def main(stage: Stage) -> str:
    facts, rejected = read_facts(
        stage.inputs.facts,
        stage.cfg["format"],
        own=stage.cfg["own"],
        keep_ids=getattr(stage.inputs, "keep_ids", None),
        tuning_ids=getattr(stage.inputs, "tuning_ids", None),
        contradictions=stage.cfg["contradictions"],
    )
    io.write_table(stage.outputs.facts, facts, stage.provenance)
    io.write_table(stage.outputs.rejected, rejected, stage.provenance)
    return f"{facts.height} facts read, {rejected.height} rejected"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
