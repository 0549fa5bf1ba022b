"""One figure of a study: edits across languages, by how alike the subjects are in both."""

import polars as pl

from memat import io
from memat.report.curves import subjects_frame, transfer_frame
from memat.report.figure_curves import draw_curves
from memat.report.figures import save_figure, styled
from memat.report.score_files import measured
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, outputs, study = stage.params, stage.outputs, io.read_json(stage.inputs.study)
    rows, (source, *targets) = study["rows"], study["languages"]
    families = stage.cfg["metrics"]
    metrics, settings = measured(rows, stage.cfg, params.seed)
    overlap = io.read_table(stage.inputs.overlap)
    subsets = {code: _subsets(overlap.filter(language=code), params.bounds) for code in targets}
    frame = subjects_frame(metrics, rows, source, subsets, families, settings)
    io.write_csv(outputs.table, frame)
    edited = [row for row in rows if len(row["edit_languages"]) == 1]
    trained = {row["edit_language"]: row["name"] for row in edited}
    unedited = next(row["name"] for row in rows if not row["edit_languages"])
    groups = {code: tuple(named.values())[1:] for code, named in subsets.items()}
    transfer = transfer_frame(metrics, trained, unedited, source, groups, families, settings)
    io.write_csv(outputs.transfer, transfer)
    names = list(subsets[targets[0]])
    with styled():
        title, shown = study["drawing"]["title"], study["drawing"]["metrics"]
        figure = draw_curves(frame, title, "subjects", shown, categories=names)
        save_figure(figure, outputs.png, outputs.svg, stage.provenance)
    counts = (f"{code} {len(alike)} and {len(other)}" for code, (alike, other) in groups.items())
    return f"facts with like and with different subjects: {', '.join(counts)}"


def _subsets(overlap: pl.DataFrame, bounds: dict) -> dict[str, pl.Series]:
    """Case ids of all facts, those with like subjects and those with different ones, by name."""
    same, different = bounds["same"], bounds["different"]
    return {
        "all": overlap["case_id"],
        f"J ≥ {same:g}": overlap.filter(pl.col("subject") >= same)["case_id"],
        f"J ≤ {different:g}": overlap.filter(pl.col("subject") <= different)["case_id"],
    }


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
