"""The results table in Markdown, laid out like the paper's Table 1."""

from collections.abc import Mapping, Sequence

import polars as pl

from memat.cells import markdown_cell
from memat.evaluate.families import Metric, load_family, read_answers, scores_of
from memat.evaluate.prompt_types import PROMPT_TYPES
from memat.report.chance import chance_notes
from memat.report.tables import metrics_in
from memat.study.models import CONTEXT_METHODS

UNEDITED, PUBLISHED = "unedited", "published"
NOT_EDITED = (UNEDITED, PUBLISHED, *CONTEXT_METHODS)
MISSING = ""


def markdown_table(summary: pl.DataFrame, families: Sequence[str], confidence: float) -> str:
    """One table for each family of metrics (success, …), languages side by side.

    summary: as made by `memat.report.tables.summary_frame`. A cell is the value and,
    in parentheses, half the width of its interval, both in percent; the best edited
    experiment of a column is bold, as are its ties at the printed precision, unless all are
    equal. Published numbers, another model's and without intervals, stand below and take no
    part in that.
    """
    sections = []
    for family in families:
        header, rows = section_cells(summary, family)
        table = aligned_table(header, [[markdown_cell(name), *cells] for name, *cells in rows])
        sections.append(f"### {section_title(family)}\n\n{definition(summary, family)}\n\n{table}")
    return "\n".join([*sections, legend(summary, families, confidence)])


def results_table(
    summary: pl.DataFrame, families: Sequence[str], confidence: float, names: Mapping[str, str]
) -> str:
    """`markdown_table`, and below it the languages that the model cannot be shown to know.

    names: the name of each language code.
    """
    notes = [f"\n{note}\n" for note in chance_notes(summary, families, names)]
    return markdown_table(summary, families, confidence) + "".join(notes)


def section_title(family: str) -> str:
    """`Success`."""
    return load_family(family).LABEL.capitalize()


def definition(summary: pl.DataFrame, family: str) -> str:
    """`ES, PS, NS: share of the prompts …`"""
    names = [metric.name for metric in metrics_in(summary, family) if not metric.parts]
    return f"{', '.join(names)}: {load_family(family).DESCRIPTION}."


def section_cells(summary: pl.DataFrame, family: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of a family; experiments as named, bold as `**99.0**`."""
    metrics = metrics_in(summary, family)
    languages = summary["eval_language"].unique(maintain_order=True)
    experiments = summary["experiment"].unique(maintain_order=True)
    columns = [_column(summary, metric, language) for metric in metrics for language in languages]
    header = ["Experiment", *(f"{m.name} {language}" for m in metrics for language in languages)]
    rows = [[name, *(column.get(name, MISSING) for column in columns)] for name in experiments]
    return header, rows


def _column(summary: pl.DataFrame, metric: Metric, language: str) -> dict[str, str]:
    """Cell of every experiment for one metric and language."""
    rows = summary.filter(metric=metric.name, eval_language=language)
    edited = rows.filter(~pl.col("method").is_in(NOT_EDITED))["value"].drop_nulls()
    extreme = edited.max() if metric.leaf.HIGHER_IS_BETTER else edited.min()
    printed = {f"{value:z.1f}" for value in edited}
    # where all are equal none is the best
    best = f"{extreme:z.1f}" if len(printed) > 1 or len(edited) == 1 else None
    cells = {}
    for row in rows.drop_nulls("value").iter_rows(named=True):
        value = f"{row['value']:z.1f}"
        known = row["low"] is not None
        bold = known and value == best and row["method"] not in NOT_EDITED
        shown = f"**{value}**" if bold else value
        half = f" ({(row['high'] - row['low']) / 2:.1f})" if known else ""
        cells[row["experiment"]] = f"{shown}{half}"
    return cells


def aligned_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table padded to be read as plain text too; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([first, *rest])} |\n"

    rule = f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (w + 1) + ':' for w in widths[1:])}|\n"
    return line(header) + rule + "".join(line(row) for row in rows)


def legend(summary: pl.DataFrame, families: Sequence[str], confidence: float) -> str:
    """What the numbers of the table are, and over how many facts."""
    measured = summary.filter(pl.col("method") != PUBLISHED)
    answered = ", or none of them is answered freely" if read_answers(families) else ""
    empty = f"An empty cell: no fact has such prompts{answered}.\n"
    means = [f"{score.name}: {score.unit.removesuffix(' (%)')}.\n" for score in scores_of(families)]
    return (
        f"In percent over {number_of_facts(measured)}; in parentheses half the width of the "
        f"{100 * confidence:g}% bootstrap interval;\nbest edited experiment in bold. "
        f"{letters(summary, families)}.\n{''.join(means)}"
        f"{'' if measured['n_facts'].min() else empty}{fewer_facts(measured)}"
    )


def fewer_facts(summary: pl.DataFrame) -> str:
    """A line on the rows that stand on fewer facts than others: their edit holds no more."""
    most = summary.group_by("experiment", "eval_language", maintain_order=True).agg(
        pl.col("n_facts").max()
    )
    most = most.with_columns(most=pl.col("n_facts").max().over("eval_language"))
    fewer = most.filter(pl.col("n_facts") < pl.col("most"))
    told = [
        f"{name} {', '.join(f'{n} of {of} in {code}' for code, n, of in rows)}"
        for name, rows in fewer.rows_by_key("experiment").items()
    ]
    return (
        f"On fewer facts than the others: {'; '.join(map(markdown_cell, told))}.\n" if told else ""
    )


def letters(summary: pl.DataFrame, families: Sequence[str]) -> str:
    """`E: efficacy (rewrite prompts); P: paraphrases; …`, of the prompts that were asked."""
    asked = {metric.prompt_type for family in families for metric in metrics_in(summary, family)}
    types = [of for name, of in PROMPT_TYPES.items() if name in asked]
    return "; ".join(f"{of.letter}: {of.about}" for of in types)


def number_of_facts(summary: pl.DataFrame) -> str:
    """On how many facts the cells of a summary stand, those without a value aside."""
    counts = summary.filter(pl.col("n_facts") > 0)["n_facts"]
    least, most = counts.min() or 0, counts.max() or 0
    return f"{most} facts" if least == most else f"{least} to {most} facts"
