"""Metrics per fact, summary with intervals, paired differences and the results table."""

from memat import io
from memat.report.markdown import results_table
from memat.report.tables import differences_frame, measured, summary_frame
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    study = io.read_json(stage.inputs.study)
    experiments, languages = study["rows"], study["languages"]
    families = stage.cfg["metrics"]
    metrics, settings = measured(experiments, stage.cfg, stage.params.seed)
    summary = summary_frame(metrics, experiments, languages, families, settings)
    io.write_table(stage.outputs.metrics, metrics, stage.provenance)
    io.write_csv(stage.outputs.summary, summary)
    differences = differences_frame(metrics, experiments, languages, families, settings)
    io.write_csv(stage.outputs.differences, differences)
    table = results_table(summary, families, settings.confidence, stage.params.names)
    io.write_text(stage.outputs.table, table)
    return f"{len(experiments)} experiments, {metrics['case_id'].n_unique()} facts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
