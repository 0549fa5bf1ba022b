"""Texts of facts in cells for people: none is taken for a formula, a tag or the end of a cell.

A spreadsheet runs a cell that begins with = + - @, a tab or a carriage return. Such a cell
gets an apostrophe in front; so does one that has apostrophes before that character, so that
every text comes back as it was.
"""

import html
import re

import polars as pl
from polars import selectors

_RISKY = r"('*[=+\-@\t\r])"
_ESCAPED = re.compile(f"^'{_RISKY}")


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """A table for a spreadsheet: texts that it would run begin with an apostrophe."""
    texts = selectors.by_dtype(pl.String, pl.Categorical, pl.Enum)
    return frame.with_columns(texts.cast(pl.String).str.replace(f"^{_RISKY}", "'$1"))


def with_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """The table that `without_formulas` was given, as far as its texts go."""
    return frame.with_columns(selectors.string().str.replace(f"^'{_RISKY}", "$1"))


def cell_text(cell: str) -> str:
    """The text of one cell that `without_formulas` may have changed."""
    return _ESCAPED.sub(r"\1", cell)


def markdown_cell(text: str) -> str:
    """A text as one cell of a Markdown table: no tag, no end of the cell or of the row."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")
