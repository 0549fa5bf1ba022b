"""Facts from a plain table of triples and a file of templates.

The table (CSV or Parquet) has the columns relation, subject, target_true and
target_new, and optionally case_id. The templates file lies beside it as
`<name>.templates.yaml`: for each relation a `rewrite` template and a list of
`paraphrases`, each with exactly one "{}". Neighbours are the other subjects of
the same relation that share target_true, asked with the rewrite template.
"""

from pathlib import Path

import polars as pl

from memat.errors import FactError
from memat.suggest import shown
from memat.text.facts import Where
from memat.yaml_files import read_yaml

COLUMNS = ("relation", "subject", "target_true", "target_new")
MOST_NEIGHBOURS = 10


def templates_path(path: str | Path) -> Path:
    """Where the templates of a table of triples lie."""
    return Path(path).with_suffix(".templates.yaml")


def read_triples(path: str | Path) -> list[dict]:
    """Rows of `FACT_SCHEMA` (without split) from triples and templates."""
    rows = _read_table(path).rows(named=True)
    templates = _read_templates(templates_path(path))
    seen, records = {}, []
    for position, row in enumerate(rows):
        where = Where(str(path), position, row.get("case_id", position))
        case_id = where.new_case_id(seen)
        record = {column: where.text(row[column], column) for column in COLUMNS}
        where.subject(record["subject"], "subject")
        if record["target_true"] == record["target_new"]:
            raise where.fault("target_new", f"equals target_true: {record['target_new']!r}")
        if record["relation"] not in templates:
            raise where.fault(
                "relation", f"{record['relation']!r} has no entry in {templates_path(path)}"
            )
        records.append(record | {"case_id": case_id})
    return [_fact(record, records, templates[record["relation"]]) for record in records]


def _fact(record: dict, records: list[dict], templates: dict) -> dict:
    shared = [
        other["subject"]
        for other in records
        if other["relation"] == record["relation"]
        and other["target_true"] == record["target_true"]
        and other["subject"] != record["subject"]
    ]
    return {
        "case_id": record["case_id"],
        "relation_id": record["relation"],
        "subject": record["subject"],
        "prompt": templates["rewrite"],
        "target_new": record["target_new"],
        "target_true": record["target_true"],
        "paraphrase_prompts": [
            t.replace("{}", record["subject"]) for t in templates["paraphrases"]
        ],
        "neighborhood_prompts": [
            templates["rewrite"].replace("{}", subject)
            for subject in list(dict.fromkeys(shared))[:MOST_NEIGHBOURS]
        ],
    }


def _read_table(path: str | Path) -> pl.DataFrame:
    try:
        if Path(path).suffix == ".parquet":
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, schema_overrides=dict.fromkeys(COLUMNS, pl.String))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FactError(f"{path}: is not a readable table ({error})") from error
    if missing := [column for column in COLUMNS if column not in frame.columns]:
        raise FactError(f"{path}: has no column {missing[0]!r}; needed: {', '.join(COLUMNS)}")
    if frame.is_empty():
        raise FactError(f"{path}: holds no record")
    return frame


def _read_templates(path: Path) -> dict[str, dict]:
    content = read_yaml(path, FactError)
    if not isinstance(content, dict):
        raise FactError(f"{path}: must map each relation to its templates")
    checked = {}
    for position, (relation, entry) in enumerate(content.items()):
        where = Where(str(path), position, None)
        relation = where.text(str(relation), "relation")
        entry = where.mapping(entry, relation)
        if unknown := set(entry) - {"rewrite", "paraphrases"}:
            raise where.fault(
                f"{relation}.{shown(min(map(str, unknown)))}",
                "unknown; allowed: rewrite, paraphrases",
            )
        paraphrases = entry.get("paraphrases", [])
        checked[relation] = {
            "rewrite": where.template(entry.get("rewrite"), f"{relation}.rewrite"),
            "paraphrases": [
                where.template(item, f"{relation}.paraphrases[{i}]")
                for i, item in enumerate(where.prompts(paraphrases, f"{relation}.paraphrases"))
            ],
        }
    return checked
