"""One figure of the paper whose points are edited models: a table and its curves."""

from memat import io
from memat.report.curves import curves_frame
from memat.report.figure_curves import draw_curves
from memat.report.figures import save_figure, styled
from memat.report.score_files import measured
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, outputs = stage.params, stage.outputs
    metrics, settings = measured(stage.inputs.scores, params.rows, stage.cfg, params.seed)
    drawing = dict(params.drawing)
    frame = curves_frame(metrics, params.rows, drawing.pop("languages"), settings)
    io.write_csv(outputs.table, frame)
    with styled():
        save_figure(draw_curves(frame, **drawing), outputs.png, outputs.svg, stage.provenance)
    return f"{len(params.rows)} edited models"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
