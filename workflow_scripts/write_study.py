"""Writes the rows of one report: edited models, their facts, baselines and files."""

import json

from memat import io
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    report = json.loads(stage.params.report)
    io.write_json(stage.outputs.study, report, stage.provenance)
    return f"{len(report['rows'])} rows"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
