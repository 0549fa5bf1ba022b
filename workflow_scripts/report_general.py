"""What every edit cost in general tasks: a table for a spreadsheet, and one to read."""

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.general import general_frame, general_markdown
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    cfg, inputs, names = stage.cfg, stage.inputs, stage.params.experiments
    settings = BootstrapSettings(cfg["bootstrap"], cfg["confidence"], stage.params.seed)
    results, questions = map(io.read_table, inputs.results), map(io.read_table, inputs.questions)
    unedited, *asked = zip(results, questions, strict=True)
    edited = dict(zip(names, asked, strict=True))
    table = general_frame(edited, unedited, settings, stage.params.languages)
    io.write_csv(stage.outputs.csv, table)
    io.write_text(stage.outputs.table, general_markdown(table, settings.confidence))
    return f"{len(names)} edited models, {table['task'].n_unique()} tasks"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
