"""table: translations given in a file (a person's, or those of a system not run from here)."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from memat import io
from memat.csv_files import long_row, separator_of
from memat.errors import TranslationError
from memat.study.section import OptionalText, Section
from memat.text.engine import Translation
from memat.text.words import LONE_SURROGATE


class Table(Section):
    """Given translations."""

    path: OptionalText = None
    """CSV with columns source,translation"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.path is None:
            yield "path", "missing; translate.engine is table"


SETTINGS = {"translate": Table}
FILES = ("path",)


def make(own: dict, batch_size: int, threads: int) -> "TableEngine":
    return TableEngine(own["path"])


class TableEngine:
    """CSV or Parquet with the columns source and translation, or a JSON object of both.

    It knows whole sources, noise included, and no names or single words.
    """

    name = "table"
    whole_sources = True

    def __init__(self, path: str | Path) -> None:
        self.path = path
        try:
            self.known = _read(Path(path))
        except (OSError, ValueError, RecursionError, csv.Error, pl.exceptions.PolarsError) as error:
            raise TranslationError(
                f"translate.table.path {path}: not readable ({error})"
            ) from error

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Sentences that the table does not hold come back empty, and are rejected later."""
        if sentences and not any(text in self.known for text in sentences):
            raise TranslationError(
                f"{self.path}: has none of the {len(sentences)} sentences, "
                f"the first: {sentences[0]!r}"
            )
        return [Translation(self.known.get(text, "")) for text in sentences]


def _read(path: Path) -> dict[str, str]:
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("must be an object: sentence → translation")
        for source, text in content.items():
            if not isinstance(text, str) or LONE_SURROGATE.search(text):
                raise ValueError(f"{source!r}: its translation must be a text, found {text!r}")
        return content
    # sentences that look like numbers are texts too
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    for column in ("source", "translation"):
        if column not in frame.columns:
            raise ValueError(f"column {column!r} is missing; needed: source, translation")
    texts = frame.select(pl.col("source", "translation").cast(pl.String).fill_null(""))
    known: dict[str, str] = {}
    for source, text in texts.iter_rows():
        if known.setdefault(source, text) != text:
            raise ValueError(f"{source!r} has two translations: {known[source]!r} and {text!r}")
    return known


def _read_csv(path: Path) -> pl.DataFrame:
    separator = separator_of(path)
    try:
        return io.read_csv(path, infer_schema=False, separator=separator)
    except pl.exceptions.PolarsError:
        if problem := long_row(path, separator):
            raise ValueError(problem) from None
        raise
