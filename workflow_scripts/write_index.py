"""Writes the first page of the run, and its headline sentences for the report's opening."""

import polars as pl

from memat import io
from memat.report.chance import chance_notes
from memat.report.headlines import headlines
from memat.report.index_page import definition_list, headline_list, index_page, note_list
from memat.report.tables import DIFFERENCES_SCHEMA, SUMMARY_SCHEMA
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    inputs, params = stage.inputs, stage.params
    summary = pl.read_csv(inputs.summary, schema=SUMMARY_SCHEMA)
    differences = pl.read_csv(inputs.differences, schema=DIFFERENCES_SCHEMA)
    families = stage.cfg["summary"]["metrics"]
    sentences = headlines(summary, differences, params.names)
    notes = chance_notes(summary, families, params.names)
    manifest = io.read_json(inputs.manifest)
    io.write_text(
        stage.outputs.index,
        index_page(
            summary,
            sentences,
            notes,
            families,
            stage.cfg["summary"]["confidence"],
            io.read_table(inputs.funnel),
            manifest,
            stage.cfg,
            params.from_model,
        ),
    )
    opening = [note_list(notes), headline_list(sentences), definition_list(summary, families)]
    io.write_text(stage.outputs.headlines, "".join(opening))
    return f"{len(sentences)} experiments in words, {len(notes)} languages not told from chance"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
