"""Metrics per fact, summary with intervals, paired differences and the results table."""

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.markdown import markdown_table
from memat.report.score_files import scores_by_experiment
from memat.report.tables import differences_frame, metrics_frame, summary_frame
from memat.stage import Stage, run_stage


def main(stage: Stage) -> None:
    experiments, languages = stage.params.experiments, stage.params.languages
    settings = BootstrapSettings(
        resamples=stage.cfg["bootstrap"],
        confidence=stage.cfg["confidence"],
        seed=stage.params.seed,
    )
    scores = scores_by_experiment(stage.inputs.scores, experiments)
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
