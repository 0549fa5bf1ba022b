"""Figure: what the search for settings tried, score against neighbours lost."""

from memat import io
from memat.report.figure_tune import draw_tune
from memat.report.figures import write_figure
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    tried = io.read_csv(stage.inputs.tried, infer_schema_length=None)
    write_figure(stage, draw_tune, tried, stage.params.languages, stage.params.bound)
    return f"{tried['candidate'].n_unique()} candidates"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
