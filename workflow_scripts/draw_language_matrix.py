"""Table and figure: every edit in each language it is asked in."""

from memat import io
from memat.report.figures import write_figure
from memat.report.matrix import draw_matrix, matrix_frame
from memat.report.tables import SUMMARY_SCHEMA
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    inputs, outputs = stage.inputs, stage.outputs
    summary = io.read_csv(inputs.summary, schema=SUMMARY_SCHEMA)
    frame = matrix_frame(summary, io.read_json(inputs.study)["rows"])
    io.write_csv(outputs.table, frame)
    write_figure(stage, draw_matrix, frame, stage.cfg["metrics"])
    return f"{frame['experiment'].n_unique()} models, {frame['asked_in'].n_unique()} languages"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
