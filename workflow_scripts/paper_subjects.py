"""Figure 1 of the paper: edits across languages, by how alike the subjects are in both."""

import polars as pl

from memat import io
from memat.report.curves import subset_frame, transfer_frame
from memat.report.figure_curves import draw_curves
from memat.report.figures import save_figure, styled
from memat.report.score_files import measured
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, outputs = stage.params, stage.outputs
    metrics, settings = measured(stage.inputs.scores, params.rows, stage.cfg, params.seed)
    overlap = io.read_table(stage.inputs.overlap)
    alike = overlap.filter(pl.col("subject") >= params.bounds["same"])["case_id"]
    different = overlap.filter(pl.col("subject") <= params.bounds["different"])["case_id"]
    names = ["all", f"J ≥ {params.bounds['same']:g}", f"J ≤ {params.bounds['different']:g}"]
    subsets = dict(zip(names, (overlap["case_id"], alike, different), strict=True))
    frame = subset_frame(metrics, params.rows, params.languages, subsets, settings).with_columns(
        series=pl.col("experiment"),
        x=pl.col("subset").replace_strict({name: i for i, name in enumerate(names)}).cast(float),
    )
    io.write_csv(outputs.table, frame)
    trained = {row["train"]: row["name"] for row in params.rows if row["train"]}
    unedited = next(row["name"] for row in params.rows if not row["train"])
    transfer = transfer_frame(
        metrics, trained, unedited, params.languages, (alike, different), settings
    )
    io.write_csv(outputs.transfer, transfer)
    with styled():
        figure = draw_curves(
            frame, "Edits by the subjects' token overlap", "subjects", categories=names
        )
        save_figure(figure, outputs.png, outputs.svg, stage.provenance)
    return f"{len(alike)} facts with like subjects, {len(different)} with different ones"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
