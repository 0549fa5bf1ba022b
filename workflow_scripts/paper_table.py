"""One table of the paper: summary, paired differences, Markdown and figure."""

import polars as pl

from memat import io
from memat.report.figure_metrics import draw_metrics
from memat.report.figures import save_figure, styled
from memat.report.markdown import markdown_table
from memat.report.published import PUBLISHED_SCHEMA, published_rows
from memat.report.score_files import measured
from memat.report.tables import differences_frame, summary_frame
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, inputs, outputs = stage.params, stage.inputs, stage.outputs
    metrics, settings = measured(inputs.scores, params.rows, stage.cfg, params.seed)
    summary = summary_frame(metrics, params.rows, params.languages, settings)
    published = io.read_csv(inputs.published, schema=PUBLISHED_SCHEMA)
    shown = pl.concat([summary, published_rows(published, params.target, params.languages)])
    io.write_csv(outputs.summary, shown)
    io.write_csv(
        outputs.differences, differences_frame(metrics, params.rows, params.languages, settings)
    )
    io.write_text(outputs.table, markdown_table(shown, settings.confidence))
    with styled():
        figure = draw_metrics(shown, settings.confidence)
        save_figure(figure, outputs.png, outputs.svg, stage.provenance)
    return f"{len(params.rows)} experiments"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
