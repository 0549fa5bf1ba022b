"""One figure of the paper whose points are edited models: a table and its curves."""

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.curves import curves_frame
from memat.report.figure_curves import draw_curves
from memat.report.figures import save_figure, styled
from memat.report.score_files import scores_by_experiment
from memat.report.tables import metrics_frame
from memat.stage import Stage, run_stage


def main(stage: Stage) -> None:
    params, outputs = stage.params, stage.outputs
    settings = BootstrapSettings(stage.cfg["bootstrap"], stage.cfg["confidence"], params.seed)
    scores = scores_by_experiment(stage.inputs.scores, params.rows)
    metrics = metrics_frame(scores, params.rows, stage.cfg["probability"])
    drawing = dict(params.drawing)
    frame = curves_frame(metrics, params.rows, drawing.pop("languages"), settings)
    io.write_csv(outputs.table, frame)
    with styled():
        save_figure(draw_curves(frame, **drawing), outputs.png, outputs.svg, stage.provenance)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
