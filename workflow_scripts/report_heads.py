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
    panels = [_panel(peaks, tables, *names, params.k) for names in _distinct(params.panels)]
    with styled():
        for sort_heads, png, svg in (
            (True, outputs.png, outputs.svg),
            (False, outputs.by_index_png, outputs.by_index_svg),
        ):
            save_figure(draw_head_maps(panels, sort_heads), png, svg, stage.provenance)
    return f"{len(panels)} maps"


def _distinct(panels: list[dict]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((panel["edit"], panel["language"]) for panel in panels))


def _panel(peaks: pl.DataFrame, tables: list, edit: str, language: str, k: int) -> HeadPanel:
    """All blocks of one edit and language in one map."""
    own = (peaks["edit"] == edit) & (peaks["language"] == language)
    stacked = pl.concat(
        tables[place].with_columns(block=pl.lit(peaks["block"][place])) for place in own.arg_true()
    )
    control = peaks.filter(own)["shuffled_peak"].mean()
    return HeadPanel(f"{edit}, heads in {language}\nshuffled labels {control:.1f}%", stacked, k)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
