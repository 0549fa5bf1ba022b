"""Figure: records left after each dataset step, and the reasons of what was dropped."""

from memat import io
from memat.report.figure_dataset import draw_funnel
from memat.report.figures import save_figure, styled
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    funnel, rejected = io.read_table(stage.inputs.funnel), io.read_table(stage.inputs.rejected)
    with styled():
        figure = draw_funnel(funnel, rejected)
        save_figure(figure, stage.outputs.png, stage.outputs.svg, stage.provenance)
    return f"{funnel.height} steps"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
