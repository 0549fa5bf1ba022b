"""Facts from a plain table of triples and a file of templates.

The table (CSV or Parquet) has the columns relation, subject and target_new, and
optionally target_true (empty where it is unknown), case_id (otherwise the number of the
row that is not empty, from 1) and neighbours. The templates file lies beside it as
`<name>.templates.yaml`: for each relation a `rewrite` template and a list of
`paraphrases`, each with exactly one "{}", and optionally `neighbours`, which maps a true
target to subjects that have it.

Neighbours of a fact are subjects with its true target, asked with the rewrite template:
those of its row (`Gaul|Lutetia`), then those of the templates file, then, where asked for,
the other subjects of the table.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from memat.errors import FactError
from memat.progress import with_progress
from memat.suggest import likely, shown
from memat.text.edited import normalised
from memat.text.facts import Where
from memat.yaml_files import read_yaml

COLUMNS = ("relation", "subject", "target_new")
TRUE = "target_true"
NEIGHBOURS = "neighbours"
SEPARATOR = "|"
TEMPLATE_KEYS = ("rewrite", "paraphrases", NEIGHBOURS)
FROM_TABLE = "from_table"
MOST_OF_TABLE = 10  # neighbours that a fact takes from the table


def templates_path(path: str | Path) -> Path:
    """Where the templates of a table of triples lie."""
    return Path(path).with_suffix(".templates.yaml")


def read_triples(path: str | Path, neighbours: str = "given") -> list[dict]:
    """Rows of `FACT_SCHEMA` (without split) from triples and templates.

    neighbours: "given" by rows and templates only, or besides "from_table".
    """
    table = _read_table(path)
    rows = with_progress(table.iter_rows(named=True), "facts read", table.height)
    templates = _read_templates(templates_path(path))
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
        own = _own_neighbours(where, row.get(NEIGHBOURS))
        records.append(record | {"case_id": case_id, NEIGHBOURS: own})
    if not records:
        raise FactError(f"{path}: holds no record")
    sharing = _sharing(records) if neighbours == FROM_TABLE else {}
    return [_fact(record, templates[record["relation"]], sharing) for record in records]


def unread(path: str | Path) -> Iterator[str]:
    """What a table and its templates hold that no fact reads, a sentence each."""
    table, known = _read_table(path), ("case_id", *COLUMNS, TRUE, NEIGHBOURS)
    for column in table.columns:
        if column.strip() and column not in known:
            yield f"{path}: column {shown(column)!r} is not read{likely(column, known)}"
    pairs = table.select("relation", *([TRUE] if TRUE in table.columns else []))
    stripped = pairs.select(pl.all().cast(pl.String).str.strip_chars()).unique()
    truths: dict[str, list[str]] = defaultdict(list)
    for relation, *true in stripped.sort(pl.all()).iter_rows():
        truths[relation] += [target for target in true if target]
    place = templates_path(path)
    for relation, entry in _read_templates(place).items():
        for target in entry[NEIGHBOURS] if relation in truths else ():
            if target not in truths[relation]:
                yield (
                    f"{place}: {relation}.{NEIGHBOURS}: no fact has the true target"
                    f" {shown(target)!r}{likely(target, truths[relation])}"
                )


def _own_neighbours(where: Where, cell: object) -> list[str]:
    """Subjects of the cell `Gaul|Lutetia`."""
    if cell is None or cell == "":
        return []
    subjects = where.text(cell, NEIGHBOURS).split(SEPARATOR)
    return [where.subject(subject, f"{NEIGHBOURS}[{i}]") for i, subject in enumerate(subjects)]


def _sharing(records: list[dict]) -> dict[tuple, list[str]]:
    """(relation, true target) → its subjects in the table, each once, in order."""
    subjects: dict[tuple, dict] = defaultdict(dict)
    for record in records:
        if record[TRUE] is not None:
            subjects[record["relation"], record[TRUE]][record["subject"]] = None
    return {key: list(found) for key, found in subjects.items()}


def _fact(record: dict, templates: dict, sharing: dict[tuple, list[str]]) -> dict:
    rewrite, subject = templates["rewrite"], record["subject"]
    return {
        "case_id": record["case_id"],
        "relation_id": record["relation"],
        "subject": subject,
        "prompt": rewrite,
        "target_new": record["target_new"],
        "target_true": record[TRUE],
        "paraphrase_prompts": [t.replace("{}", subject) for t in templates["paraphrases"]],
        "neighborhood_prompts": [
            rewrite.replace("{}", other)
            for other in dict.fromkeys(_neighbours(record, templates, sharing))
        ],
    }


def _neighbours(record: dict, templates: dict, sharing: dict) -> Iterator[str]:
    """Subjects with the fact's true target, but for its own."""
    true, own = record[TRUE], record["subject"]
    listed = [*record[NEIGHBOURS], *templates[NEIGHBOURS].get(true, ())]
    yield from (other for other in listed if normalised(other) != normalised(own))
    # no more of them are looked at than are taken: with all, the time would be quadratic
    others = sharing.get((record["relation"], true), ())
    yield from islice((other for other in others if other != own), MOST_OF_TABLE)


def _read_table(path: str | Path) -> pl.DataFrame:
    texts = dict.fromkeys((*COLUMNS, TRUE, NEIGHBOURS), pl.String)
    try:
        if Path(path).suffix == ".parquet":
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, schema_overrides=texts)
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = str(error).splitlines()[0]  # below it polars advises who wrote the program
        raise FactError(
            f"{path}: is not a readable table, UTF-8 if it is CSV ({problem})"
        ) from error
    if missing := [column for column in COLUMNS if column not in frame.columns]:
        raise FactError(
            f"{path}: has no column {missing[0]!r}; needed, with commas between"
            f" them: {', '.join(COLUMNS)}; found: {', '.join(map(shown, frame.columns))}"
        )
    if frame.is_empty():
        raise FactError(f"{path}: holds no record")
    return frame


def _read_templates(path: Path) -> dict[str, dict]:
    content = read_yaml(path, FactError)
    if not isinstance(content, dict):
        raise FactError(f"{path}: must map each relation to its templates")
    checked = {}
    for position, (relation, entry) in enumerate(content.items(), 1):
        where = Where(str(path), position, None)
        relation = where.text(str(relation), "relation")
        entry = where.mapping(entry, relation)
        if unknown := set(map(str, entry)) - set(TEMPLATE_KEYS):
            raise where.fault(
                f"{relation}.{shown(min(unknown))}", f"unknown; allowed: {', '.join(TEMPLATE_KEYS)}"
            )
        checked[relation] = {
            "rewrite": where.template(entry.get("rewrite"), f"{relation}.rewrite"),
            "paraphrases": [
                where.template(item, f"{relation}.paraphrases[{i}]")
                for i, item in enumerate(
                    where.prompts(entry.get("paraphrases", []), f"{relation}.paraphrases")
                )
            ],
            NEIGHBOURS: _listed_neighbours(where, entry.get(NEIGHBOURS, {}), relation),
        }
    return checked


def _listed_neighbours(where: Where, content: object, relation: str) -> dict[str, list[str]]:
    """True target → subjects that have it."""
    place = f"{relation}.{NEIGHBOURS}"
    return {
        where.text(str(true), place): [
            where.subject(subject, f"{place}.{true}[{i}]")
            for i, subject in enumerate(where.prompts(subjects, f"{place}.{true}"))
        ]
        for true, subjects in where.mapping(content, place).items()
    }
