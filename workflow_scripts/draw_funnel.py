"""Figure: records left after each dataset step, and the reasons of what was dropped."""

from memat import io
from memat.report.figure_dataset import draw_funnel
from memat.report.figures import write_figure
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    funnel, rejected = io.read_table(stage.inputs.funnel), io.read_table(stage.inputs.rejected)
    write_figure(stage, draw_funnel, funnel, rejected)
    return f"{funnel.height} steps"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
