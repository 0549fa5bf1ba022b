"""One table of a study: summary, paired differences, Markdown and figure."""

import polars as pl

from memat import io
from memat.report.figure_metrics import draw_metrics
from memat.report.figures import write_figure
from memat.report.markdown import markdown_table
from memat.report.tables import (
    PUBLISHED_SCHEMA,
    differences_frame,
    measured,
    published_rows,
    summary_frame,
)
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    inputs, outputs, study = stage.inputs, stage.outputs, io.read_json(stage.inputs.study)
    rows, languages = study["rows"], study["languages"]
    families = stage.cfg["metrics"]
    metrics, settings = measured(rows, stage.cfg, stage.params.seed)
    summary = summary_frame(metrics, rows, languages, families, settings)
    published = io.read_csv(inputs.published, schema=PUBLISHED_SCHEMA)
    shown = pl.concat([summary, published_rows(published, study["name"], languages)])
    io.write_csv(outputs.summary, shown)
    differences = differences_frame(metrics, rows, languages, families, settings)
    io.write_csv(outputs.differences, differences)
    io.write_text(outputs.table, markdown_table(shown, families, settings.confidence))
    write_figure(stage, draw_metrics, shown, families, settings.confidence)
    return f"{len(rows)} experiments"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
