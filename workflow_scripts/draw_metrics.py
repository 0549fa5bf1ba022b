"""Figure: all metrics of all experiments, with intervals, in both languages."""

from memat import io
from memat.report.figure_metrics import draw_metrics
from memat.report.figures import write_figure
from memat.report.tables import SUMMARY_SCHEMA
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    summary = io.read_csv(stage.inputs.summary, schema=SUMMARY_SCHEMA)
    write_figure(stage, draw_metrics, summary, stage.cfg["metrics"], stage.cfg["confidence"])
    return f"{summary['experiment'].n_unique()} experiments"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
