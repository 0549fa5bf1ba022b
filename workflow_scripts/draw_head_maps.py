"""Figure: probe accuracy of every head of every edited model, chosen heads ringed."""

import polars as pl

from memat import io
from memat.report.figure_head_maps import HeadPanel, draw_head_maps
from memat.report.figures import save_figure, styled
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    tables = iter(stage.inputs.accuracy)  # panel by panel, its blocks in order
    panels = [
        HeadPanel(
            title=f"{panel['edit']}, heads in {panel['language']}",
            accuracy=pl.concat(
                io.read_table(next(tables)).with_columns(block=pl.lit(block))
                for block in range(panel["blocks"])
            ),
            chosen=panel["k"],
        )
        for panel in stage.params.panels
    ]
    outputs = stage.outputs
    with styled():
        for sort_heads, png, svg in (
            (False, outputs.png, outputs.svg),
            (True, outputs.sorted_png, outputs.sorted_svg),
        ):
            figure = draw_head_maps(panels, sort_heads)
            save_figure(figure, png, svg, stage.provenance)
    return f"{len(panels)} maps"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
