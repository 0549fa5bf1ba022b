"""The first rows of the results table, in the log and in a file: they come long before the others."""

import logging

from memat import io
from memat.report.markdown import results_table
from memat.report.tables import measured, summary_frame
from memat.stage import Stage, run_stage

log = logging.getLogger(__name__)


def main(stage: Stage) -> str:
    study = io.read_json(stage.inputs.study)
    rows = [row for row in study["rows"] if row["name"] in stage.params.rows]
    families = stage.cfg["metrics"]
    metrics, settings = measured(rows, stage.cfg, stage.params.seed)
    summary = summary_frame(metrics, rows, study["languages"], families, settings)
    table = results_table(summary, families, settings.confidence, stage.params.names)
    io.write_text(stage.outputs.table, table)
    log.info("\n%s", table)
    return f"{len(rows)} of {len(study['rows'])} rows"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
