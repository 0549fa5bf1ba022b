"""One figure of a study whose points are edited models: a table and its curves."""

from memat import io
from memat.report.curves import curves_frame
from memat.report.figure_curves import draw_curves
from memat.report.figures import write_figure
from memat.report.tables import measured
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    outputs, study = stage.outputs, io.read_json(stage.inputs.study)
    metrics, settings = measured(study["rows"], stage.cfg, stage.params.seed)
    frame = curves_frame(metrics, study["rows"], study["languages"], stage.cfg["metrics"], settings)
    io.write_csv(outputs.table, frame)
    write_figure(stage, draw_curves, frame, **study["drawing"])
    return f"{len(study['rows'])} edited models"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
