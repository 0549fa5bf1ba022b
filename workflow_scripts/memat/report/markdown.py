"""The results table in Markdown, laid out like the paper's Table 1."""

import polars as pl

from memat.cells import markdown_cell
from memat.evaluate.metrics import SCORE

SECTIONS = {
    "Success": ("ES", "PS", "NS", SCORE),
    "Magnitude": ("EM", "PM", "NM"),
    "Accuracy": ("EA", "PA", "NA"),
}
UNEDITED, PUBLISHED = "unedited", "published"
MISSING = ""


def markdown_table(summary: pl.DataFrame, confidence: float) -> str:
    """Three tables (success, magnitude, accuracy), languages side by side.

    summary: as made by `memat.report.tables.summary_frame`. A cell is the value and,
    in parentheses, half the width of its interval, both in percent; the best edited
    experiment of a column is bold, as are its ties at the printed precision. Published
    numbers, another model's and without intervals, stand below and take no part in that.
    """
    sections = [f"### {title}\n\n{_section(summary, names)}" for title, names in SECTIONS.items()]
    return "\n".join([*sections, legend(summary, confidence)])


def _section(summary: pl.DataFrame, names: tuple[str, ...]) -> str:
    header, rows = section_cells(summary, names)
    return _aligned(header, [[markdown_cell(name), *cells] for name, *cells in rows])


def section_cells(
    summary: pl.DataFrame, names: tuple[str, ...]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of some metrics; experiments as named, bold as `**99.0**`."""
    languages = summary["eval_language"].unique(maintain_order=True)
    experiments = summary["experiment"].unique(maintain_order=True)
    columns = [_column(summary, name, language) for name in names for language in languages]
    header = ["Experiment", *(f"{name} {language}" for name in names for language in languages)]
    rows = [[name, *(column.get(name, MISSING) for column in columns)] for name in experiments]
    return header, rows


def _column(summary: pl.DataFrame, metric: str, language: str) -> dict[str, str]:
    """Cell of every experiment for one metric and language."""
    rows = summary.filter(metric=metric, eval_language=language)
    edited = rows.filter(~pl.col("method").is_in([UNEDITED, PUBLISHED]))["value"].drop_nulls()
    best = f"{edited.max():.1f}" if len(edited) else None
    cells = {}
    for row in rows.iter_rows(named=True):
        if row["value"] is None:
            cells[row["experiment"]] = MISSING
            continue
        value = f"{row['value']:.1f}"
        if row["low"] is None:
            cells[row["experiment"]] = value
            continue
        half = f"{(row['high'] - row['low']) / 2:.1f}"
        bold = value == best and row["method"] != UNEDITED
        cells[row["experiment"]] = f"**{value}** ({half})" if bold else f"{value} ({half})"
    return cells


def _aligned(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table padded to be read as plain text too; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([first, *rest])} |\n"

    rule = f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (w + 1) + ':' for w in widths[1:])}|\n"
    return line(header) + rule + "".join(line(row) for row in rows)


def legend(summary: pl.DataFrame, confidence: float) -> str:
    """What the numbers of the table are, and over how many facts."""
    measured = summary.filter(pl.col("method") != PUBLISHED)
    empty = "" if measured["n_facts"].min() else "An empty cell: no fact has such prompts.\n"
    return (
        f"In percent over {number_of_facts(measured)}; in parentheses half the width of the "
        f"{100 * confidence:g}% bootstrap interval;\nbest edited experiment in bold. "
        "E, P, N: efficacy (rewrite), paraphrase and neighborhood prompts;\n"
        f"S: harmonic mean of ES, PS and NS.\n{empty}"
    )


def number_of_facts(summary: pl.DataFrame) -> str:
    """On how many facts the cells of a summary stand, those without a value aside."""
    counts = summary.filter(pl.col("n_facts") > 0)["n_facts"]
    least, most = counts.min() or 0, counts.max() or 0
    return f"{most} facts" if least == most else f"{least} to {most} facts"
