"""A user's own list of subjects to protect: a text with one a line, or a CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from memat.csv_files import read_csv_rows
from memat.edit.protected_subjects import PROTECTED_SCHEMA
from memat.errors import ConfigError
from memat.model.sentences import PLAIN
from memat.suggest import allowed_values, shown

KEY = "covariance.protected_subjects.path"
LIST = "list"


def read_subject_list(path: str | Path, languages: Sequence[str]) -> pl.DataFrame:
    """`PROTECTED_SCHEMA`, in the order of the file.

    A subject without a template stands alone (`{}`), one without a language is protected in each
    of `languages`. Raises ConfigError(key, file, line) for a file that cannot be read, an empty
    subject, a template without exactly one `{}`, and a language that is none of the run.
    """
    rows = []
    for line, cells in _lines(path):
        fault = _fault(cells, languages)
        if fault:
            raise ConfigError(f"{KEY}: {path}: line {line}: {fault}")
        for code in [cells["language"]] if cells["language"] else languages:
            template = cells["template"] or PLAIN
            rows.append((LIST, line, code, cells["subject"], template, "", False))
    if not rows:
        raise ConfigError(f"{KEY}: {path}: holds no subject")
    return pl.DataFrame(rows, schema=PROTECTED_SCHEMA, orient="row")


def _lines(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of each line with its subject, template and language, empty where it has none."""
    if Path(path).suffix.lower() == ".csv":
        for line, row in read_csv_rows(path, ("subject",), ConfigError, ",;\t"):
            wanted = ("subject", "template", "language")
            yield line, {name: (row.get(name) or "").strip() for name in wanted}
        return
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{KEY}: {path}: cannot be read as UTF-8 text ({error})") from error
    for line, text in enumerate(lines, start=1):
        if text.strip():
            yield line, {"subject": text.strip(), "template": "", "language": ""}


def _fault(cells: dict[str, str], languages: Sequence[str]) -> str | None:
    if not cells["subject"]:
        return "subject: must not be empty"
    if PLAIN in cells["subject"]:
        return f"subject: must not hold '{{}}': {shown(cells['subject'])}"
    if cells["template"] and cells["template"].count(PLAIN) != 1:
        return f"template: must have exactly one '{{}}', found {shown(cells['template'])}"
    if cells["language"] and cells["language"] not in languages:
        return f"language: {allowed_values(cells['language'], languages)}"
    return None
