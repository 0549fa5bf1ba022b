"""One figure of a study: accuracy of every head, its peaks and the shuffled control."""

import polars as pl

from memat import io
from memat.report.claims import peaks_frame
from memat.report.figure_head_maps import HeadPanel, draw_head_maps
from memat.report.figures import save_figure, styled
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    params, outputs = stage.params, stage.outputs
    tables = [io.read_table(path) for path in stage.inputs.accuracy]
    peaks = peaks_frame(params.panels, tables, params.k)
    io.write_csv(outputs.table, peaks)
    panels = []  # all blocks of one edit and language in one map
    places = peaks.with_row_index()
    for (edit, language), own in places.group_by("edit", "language", maintain_order=True):
        stacked = pl.concat(
            tables[place].with_columns(block=pl.lit(block))
            for place, block in own.select("index", "block").iter_rows()
        )
        panels.append(HeadPanel(f"{edit}, heads in {language}", stacked, params.k))
    with styled():
        for sort_heads, png, svg in (
            (True, outputs.png, outputs.svg),
            (False, outputs.by_index_png, outputs.by_index_svg),
        ):
            save_figure(draw_head_maps(panels, sort_heads), png, svg, stage.provenance)
    return f"{len(panels)} maps"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
