"""triples: a table of relation, subject and targets, with templates beside it (CSV or Parquet).

The table (CSV or Parquet) has the columns relation, subject and target_new, and
optionally target_true (empty where it is unknown), case_id (otherwise the number of the
row that is not empty, from 1) and neighbours. The templates (`memat.text.triple_templates`)
lie beside it as `<name>.templates.yaml`.

Neighbours of a fact are asked with the rewrite template and have its true target, or an
answer of their own: those of its row (`Gaul|Lutetia = Paris`), then those of the templates
file, then, where asked for, the other subjects of the table.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal

import polars as pl

from memat.csv_files import long_row, repeated_column, separator_of
from memat.errors import FactError
from memat.progress import with_progress
from memat.study.section import Section
from memat.suggest import likely, shown
from memat.text.edited import normalised
from memat.text.records import Where
from memat.text.rejections import Rejection
from memat.text.triple_templates import (
    NEIGHBOURS,
    OF_EVERY_FACT,
    PORTABILITY,
    Neighbour,
    read_templates,
)

COLUMNS = ("relation", "subject", "target_new")
TRUE = "target_true"
SEPARATOR, OWN_ANSWER = "|", " = "
FROM_TABLE = "from_table"
MOST_OF_TABLE = 10  # neighbours that a fact takes from the table


class Triples(Section):
    """Tables of triples."""

    neighbours: Literal["given", "from_table"] = "given"
    """given (by rows and templates) | from_table (besides, up to 10 other subjects of the table
    with the same relation and true target)"""


SETTINGS = {"facts": Triples}


def recognises(path: str | Path) -> bool:
    return Path(path).suffix in (".csv", ".parquet") and templates_path(path).is_file()


def templates_path(path: str | Path) -> Path:
    """Where the templates of a table of triples lie."""
    return Path(path).with_suffix(".templates.yaml")


def read(path: str | Path, own: Mapping) -> tuple[list[dict], list[Rejection]]:
    table = _read_table(path)
    rows = with_progress(table.iter_rows(named=True), "facts read", table.height)
    templates = read_templates(templates_path(path))
    seen, records = {}, []
    # spreadsheets save empty rows below a table
    filled = (row for row in rows if any(cell not in (None, "") for cell in row.values()))
    for position, row in enumerate(filled, 1):
        where = Where(str(path), position, row.get("case_id", position))
        case_id = where.new_case_id(seen)
        record = {column: where.text(row[column], column) for column in COLUMNS}
        record[TRUE] = where.text_or_none(row.get(TRUE), TRUE)
        where.subject(record["subject"], "subject")
        if record[TRUE] == record["target_new"]:
            raise where.fault("target_new", f"equals target_true: {record['target_new']!r}")
        if record["relation"] not in templates:
            raise where.fault(
                "relation", f"{record['relation']!r} has no entry in {templates_path(path)}"
            )
        listed = _own_neighbours(where, row.get(NEIGHBOURS))
        records.append(record | {"case_id": case_id, NEIGHBOURS: listed})
    if not records:
        raise FactError(f"{path}: holds no record")
    sharing = _sharing(records) if own.get("neighbours") == FROM_TABLE else {}
    return [_fact(record, templates[record["relation"]], sharing) for record in records], []


def notices(path: str | Path, others_read: bool) -> Iterator[str]:
    table, known = _read_table(path), ("case_id", *COLUMNS, TRUE, NEIGHBOURS)
    for column in table.columns:
        if column.strip() and column not in known:
            yield f"{path}: column {shown(column)!r} is not read{likely(column, known)}"
    place = templates_path(path)
    truths, news = (_targets(table, column) for column in (TRUE, "target_new"))
    for relation, entry in read_templates(place).items():
        of_prompts = [target for _, answers in entry[PORTABILITY] for target in answers]
        of_neighbours = [true for true in entry[NEIGHBOURS] if true is not OF_EVERY_FACT]
        for key, kind, used, known in (
            (NEIGHBOURS, "true", of_neighbours, truths),
            (PORTABILITY, "new", of_prompts, news),
        ):
            # templates of relations that the table has not are of no interest
            for target in dict.fromkeys(used) if relation in news else ():
                if target not in known[relation]:
                    yield (
                        f"{place}: {relation}.{key}: no fact has the {kind} target"
                        f" {shown(target)!r}{likely(target, known[relation])}"
                    )


def _targets(table: pl.DataFrame, column: str) -> dict[str, list[str]]:
    """Relation → the targets of a column, each once, sorted."""
    found: dict[str, list[str]] = defaultdict(list)
    if column in table.columns:
        pairs = table.select(pl.col("relation", column).cast(pl.String).str.strip_chars())
        for relation, target in pairs.unique().sort(pl.all()).iter_rows():
            found[relation] += [target] if target else []
    return found


def _own_neighbours(where: Where, cell: object) -> list[Neighbour]:
    """Subjects of the cell `Gaul|Lutetia = Paris`, with the answers that it gives."""
    if cell is None or cell == "":
        return []
    found = []
    for i, part in enumerate(where.text(cell, NEIGHBOURS).split(SEPARATOR)):
        place = f"{NEIGHBOURS}[{i}]"
        # blanks around it: a name may hold the sign
        subject, sign, answer = part.partition(OWN_ANSWER)
        own = where.text(answer, f"{place}, behind {OWN_ANSWER.strip()!r}") if sign else None
        found.append((where.subject(subject, place), own))
    return found


def _sharing(records: list[dict]) -> dict[tuple, dict[str, None]]:
    """(relation, true target) → its subjects in the table, each once, in order."""
    subjects: dict[tuple, dict] = defaultdict(dict)
    for record in records:
        if record[TRUE] is not None:
            subjects[record["relation"], record[TRUE]][record["subject"]] = None
    return subjects


def _fact(record: dict, templates: dict, sharing: dict) -> dict:
    rewrite, subject = templates["rewrite"], record["subject"]
    neighbours: dict[str, str | None] = {}
    for other, answer in _neighbours(record, templates, sharing):
        neighbours.setdefault(other, answer)
    asked = [
        (prompt.replace("{}", subject), answers[record["target_new"]])
        for prompt, answers in templates[PORTABILITY]
        if record["target_new"] in answers
    ]
    return {
        "case_id": record["case_id"],
        "relation_id": record["relation"],
        "subject": subject,
        "prompt": rewrite,
        "target_new": record["target_new"],
        "target_true": record[TRUE],
        "paraphrase_prompts": [t.replace("{}", subject) for t in templates["paraphrases"]],
        "neighborhood_prompts": [rewrite.replace("{}", other) for other in neighbours],
        "neighborhood_answers": list(neighbours.values()),
        "portability_prompts": [prompt for prompt, _ in asked],
        "portability_answers": [answer for _, answer in asked],
    }


def _neighbours(record: dict, templates: dict, sharing: dict) -> Iterator[Neighbour]:
    """Subjects with the fact's true target or an answer of their own, but for the fact's own."""
    true, own = record[TRUE], record["subject"]
    of_relation = templates[NEIGHBOURS]
    of_target = of_relation.get(true, ()) if true is not None else ()
    listed = [*record[NEIGHBOURS], *of_target, *of_relation.get(OF_EVERY_FACT, ())]
    yield from (found for found in listed if normalised(found[0]) != normalised(own))
    # no more of them are looked at than are taken: with all, the time would be quadratic
    others = sharing.get((record["relation"], true), ())
    yield from islice(((other, None) for other in others if other != own), MOST_OF_TABLE)


def _read_table(path: str | Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path) if Path(path).suffix == ".parquet" else _read_csv(path)
    except (OSError, UnicodeError, csv.Error, pl.exceptions.PolarsError) as error:
        problem = str(error).splitlines()[0]  # below it polars advises who wrote the program
        raise FactError(
            f"{path}: is not a readable table, UTF-8 if it is CSV ({problem})"
        ) from error
    if missing := [column for column in COLUMNS if column not in frame.columns]:
        raise FactError(
            f"{path}: has no column {missing[0]!r}; needed, with commas, semicolons or"
            f" tabs between them: {', '.join(COLUMNS)}; found: {', '.join(map(shown, frame.columns))}"
        )
    if frame.is_empty():
        raise FactError(f"{path}: holds no record")
    return frame


def _read_csv(path: str | Path) -> pl.DataFrame:
    texts = dict.fromkeys((*COLUMNS, TRUE, NEIGHBOURS), pl.String)
    separator = separator_of(path)
    if twice := repeated_column(path, separator):
        raise FactError(f"{path}: has the column {shown(twice)!r} twice")
    try:
        return pl.read_csv(path, schema_overrides=texts, separator=separator)
    except pl.exceptions.PolarsError:
        if problem := long_row(path, separator):
            raise FactError(f"{path}: {problem}") from None
        raise
