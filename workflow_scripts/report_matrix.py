"""One language matrix of a study: edited in × asked in, as a table and a figure."""

from memat import io
from memat.report.figures import write_figure
from memat.report.matrix import draw_matrix, matrix_frame
from memat.report.tables import measured, summary_frame
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    outputs, study = stage.outputs, io.read_json(stage.inputs.study)
    families = stage.cfg["metrics"]
    metrics, settings = measured(study["rows"], stage.cfg, stage.params.seed)
    summary = summary_frame(metrics, study["rows"], study["languages"], families, settings)
    frame = matrix_frame(summary, study["rows"])
    io.write_csv(outputs.table, frame)
    write_figure(stage, draw_matrix, frame, families)
    return f"{len(study['rows'])} models"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
