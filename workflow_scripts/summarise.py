"""Metrics per fact, summary with intervals, paired differences and the results table."""

from pathlib import Path

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.evaluate.pairing import concatenated
from memat.report.markdown import markdown_table
from memat.report.tables import differences_frame, metrics_frame, summary_frame
from memat.stage import Stage, run_stage


def main(stage: Stage) -> None:
    # score files lie in a folder named after their experiment
    scores = [(Path(path).parent.name, io.read_table(path)) for path in stage.inputs.scores]
    experiments, languages = stage.params.experiments, stage.params.languages
    if stage.cfg["catalan_pairing"] == "concatenated":
        scores = [(name, concatenated(table, languages[1])) for name, table in scores]
    settings = BootstrapSettings(
        resamples=stage.cfg["bootstrap"],
        confidence=stage.cfg["confidence"],
        seed=stage.params.seed,
    )
    metrics = metrics_frame(scores, experiments, stage.cfg["probability"])
    summary = summary_frame(metrics, experiments, languages, settings)
    io.write_table(stage.outputs.metrics, metrics, stage.provenance)
    io.write_csv(stage.outputs.summary, summary)
    io.write_csv(
        stage.outputs.differences, differences_frame(metrics, experiments, languages, settings)
    )
    io.write_text(stage.outputs.table, markdown_table(summary, settings.confidence))


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
