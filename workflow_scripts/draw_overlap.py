"""Figure: how many tokens subject, relation and target share between the languages."""

from memat import io
from memat.report.figure_dataset import draw_overlap
from memat.report.figures import write_figure
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    overlap = io.read_table(stage.inputs.overlap)
    write_figure(stage, draw_overlap, overlap, stage.cfg["same"], stage.cfg["different"])
    return f"{overlap['case_id'].n_unique()} facts"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
