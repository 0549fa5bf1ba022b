"""Reading a CSV file that a person wrote, or saved from one of this workflow's."""

import csv
from collections.abc import Sequence
from pathlib import Path

from memat.cells import cell_text
from memat.errors import MematError

SEPARATORS = ",;\t"  # spreadsheets write semicolons where the comma is the decimal sign


def separator_of(path: str | Path, separators: str = SEPARATORS) -> str:
    """What stands between the cells of a CSV file: the sign that its first line has most of.

    Raises OSError or UnicodeDecodeError.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        return max(separators, key=file.readline().count)


def repeated_column(path: str | Path, separator: str) -> str | None:
    """The first name that two columns have; None where all differ, unnamed ones aside."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file, delimiter=separator), [])
    return next((name for i, name in enumerate(names) if name and name in names[:i]), None)


def long_row(path: str | Path, separator: str) -> str | None:
    """The first row with more cells than the file has columns, in words; None if none has."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        columns = len(next(reader, []))
        for row in reader:
            if len(row) > columns:
                return (
                    f"line {reader.line_num} has {len(row)} cells, the first line {columns}:"
                    f" a cell that holds {separator!r} needs quotes around it"
                )
    return None


def read_csv_rows(
    path: str | Path, columns: Sequence[str], kind: type[MematError], separators: str = ","
) -> list[tuple[int, dict[str, str]]]:
    """Rows by column name, each with the number of its last line; cells as `io.write_csv` got them.

    A short row has None in its last columns. separators: what may stand between cells; the one
    that stands most often in the first line does. Raises `kind`(path) if the file cannot be read as
    UTF-8 CSV or has not all of `columns`.
    """
    try:
        separator = separator_of(path, separators)
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=separator)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise kind(f"{path}: has no column {missing[0]!r}; needed: {', '.join(columns)}")
            return [(reader.line_num, _texts(row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise kind(f"{path}: cannot be read as UTF-8 CSV ({error})") from error


def _texts(row: dict) -> dict:
    """The cells of one row; what stands beyond the last column has no name and stays a list."""
    return {name: cell_text(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
