"""Table of what every edit costs on held-out text, and a picture of gain against damage."""

import polars as pl

from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.damage import damage_frame, draw_gain_and_damage, entropy_frame, updates_frame
from memat.report.figures import write_figure
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    cfg, files = stage.cfg, stage.params.files
    settings = BootstrapSettings(cfg["bootstrap"], cfg["confidence"], stage.params.seed)
    study = io.read_json(stage.inputs.study)
    tables = {path: io.read_table(path) for path in stage.inputs.damage}
    damage = {name: [tables[path] for path in paths] for name, paths in files.items()}
    sizes = dict(zip(stage.inputs.damage, map(io.read_table, stage.inputs.updates), strict=True))
    updates = {name: [sizes[path] for path in paths] for name, paths in files.items()}
    unedited, answers = answers_of(study["rows"], stage.inputs.answers, files)
    entropy = entropy_frame(answers, unedited, settings)
    table = pl.concat([damage_frame(damage, settings), entropy])
    io.write_csv(stage.outputs.table, table)
    io.write_csv(stage.outputs.updates, updates_frame(updates))
    drawn = pl.read_csv(stage.inputs.summary), table, study["rows"], settings.confidence
    write_figure(stage, draw_gain_and_damage, *drawn)
    return f"{table['experiment'].n_unique()} edited models"


def answers_of(rows: list[dict], paths: list[str], edited: dict) -> tuple:
    """Answers of the unedited model, None where no row is one, and of each edited one by name."""
    tables = {path: io.read_table(path) for path in paths}
    files = {row["name"]: row["answers"] for row in rows}

    def of(name: str) -> pl.DataFrame:
        return pl.concat([tables[path] for path in files[name]])

    unedited = (r["name"] for r in rows if r["method"] == "unedited" and r["name"] not in edited)
    return next(map(of, unedited), None), {name: of(name) for name in edited}


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
