"""Writes the page that says of every edit what it learnt, what it cost, and whether to ship it."""

from pathlib import Path

import polars as pl

from memat import io
from memat.report.advice import TASKS_SCHEMA, advise, general_tasks
from memat.report.advice_page import TITLE, advice_page
from memat.report.damage import DAMAGE_SCHEMA
from memat.report.document import Picture, as_html, as_markdown
from memat.report.tables import DIFFERENCES_SCHEMA, SUMMARY_SCHEMA
from memat.stage import Stage, run_stage

CAPTION = "what was learnt over what it cost"


def main(stage: Stage) -> str:
    cfg, inputs, params = stage.cfg, stage.inputs, stage.params
    summary = io.read_csv(inputs.summary, schema=SUMMARY_SCHEMA)
    differences = io.read_csv(inputs.differences, schema=DIFFERENCES_SCHEMA)
    damage = [io.read_csv(path, schema=DAMAGE_SCHEMA) for path in inputs.damage]
    drawn = map(Path, inputs.picture)
    tasks = [general_tasks(io.read_csv(path)) for path in inputs.general]
    advices = advise(
        summary,
        differences,
        pl.concat([pl.DataFrame(schema=DAMAGE_SCHEMA), *damage]),
        pl.concat([pl.DataFrame(schema=TASKS_SCHEMA), *tasks]),
        cfg["ship"],
    )
    pictures = [Picture(f"figures/{path.name}", path.read_bytes(), CAPTION) for path in drawn]
    shown = cfg["metrics"], cfg["ship"], cfg["confidence"], params.names, params.model
    blocks = advice_page(advices, *shown, *pictures)
    io.write_text(stage.outputs.page, as_html(TITLE, blocks))
    io.write_text(stage.outputs.text, as_markdown(TITLE, blocks))
    edits = len({advice.experiment for advice in advices})
    return f"{edits} edits, asked in {len(advices) // max(1, edits)} languages"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
