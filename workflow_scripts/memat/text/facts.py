"""Facts in: reading, checking and splitting the source of a dataset.

Three formats give the same table (`FACT_SCHEMA`): the public CounterFact JSON,
a plain table of triples with templates (`memat.text.triples`), and, for a second
language, the two-record form of the paper's appendix A (`memat.text.two_record`).

Problems of a whole file and breaks of its schema are a `FactError` that names
file, record and field. Well-formed content that cannot be used is a row of the
rejected table, with a reason.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from memat.errors import FactError
from memat.progress import with_progress
from memat.suggest import shown
from memat.text.contradictions import REFUSE, clashes, require_consistent
from memat.text.own_answers import answer_columns, neighbour_answers, with_answers
from memat.text.rejections import READING, Rejection, rejected_table
from memat.text.words import LONE_SURROGATE

FACT_SCHEMA = {
    "case_id": pl.Int64,
    "relation_id": pl.String,
    "split": pl.String,
    "subject": pl.String,
    "prompt": pl.String,
    "target_new": pl.String,
    "target_true": pl.String,
    "paraphrase_prompts": pl.List(pl.String),
    "neighborhood_prompts": pl.List(pl.String),
    # parallel to the prompts; null: the answer is the fact's true target
    "neighborhood_answers": pl.List(pl.String),
    "portability_prompts": pl.List(pl.String),
    "portability_answers": pl.List(pl.String),
}
FORMATS = ("counterfact", "triples")
CASE_ID = re.compile(r"(?:rome_)?-?[0-9]{1,19}")


@dataclass(frozen=True)
class Where:
    """The place of a record in a file, for messages. position: counted from 1."""

    path: str
    position: int
    case_id: object = None

    def fault(self, field: str, problem: str) -> FactError:
        case = "" if self.case_id is None else f" (case_id {self.case_id!r})"
        return FactError(f"{self.path}: record {self.position}{case}: {field}: {problem}")

    def text(self, value: object, field: str) -> str:
        """`value` as a non-empty string without surrounding blanks, or a FactError."""
        if not isinstance(value, str):
            raise self.fault(field, f"must be a text, found {kind_of(value)}")
        if not value.strip():
            raise self.fault(field, "must not be empty")
        if LONE_SURROGATE.search(value):
            raise self.fault(field, f"holds half of a character: {value!r}")
        return value.strip()

    def text_or_none(self, value: object, field: str) -> str | None:
        """As `text`; None for what is unknown: nothing, or nothing but blanks."""
        unknown = value is None or (isinstance(value, str) and not value.strip())
        return None if unknown else self.text(value, field)

    def new_case_id(self, first_seen: dict[int, int]) -> int:
        """The record's case id, which no record before has; then it is in `first_seen`."""
        case_id = self.case_id
        if not isinstance(case_id, int) or isinstance(case_id, bool) or abs(case_id) >= 2**63:
            raise self.fault("case_id", f"must be a whole number of 64 bits, found {case_id!r}")
        if case_id in first_seen:
            raise self.fault("case_id", f"already used by record {first_seen[case_id]}")
        first_seen[case_id] = self.position
        return case_id

    def subject(self, value: object, field: str) -> str:
        """A text that can stand in the '{}' of a prompt."""
        text = self.text(value, field)
        if "{}" in text:
            raise self.fault(field, f"must not hold '{{}}': {text!r}")
        return text

    def mapping(self, value: object, field: str) -> dict:
        if not isinstance(value, dict):
            raise self.fault(field, f"must be an object, found {kind_of(value)}")
        return value

    def known_keys(self, entry: dict, allowed: Sequence[str], field: str) -> None:
        """Refuses keys that are not among `allowed`."""
        if unknown := set(map(str, entry)) - set(allowed):
            raise self.fault(
                f"{field}.{shown(min(unknown))}", f"unknown; allowed: {', '.join(allowed)}"
            )

    def items(self, value: object, field: str) -> list:
        """A list of anything; an empty one for nothing."""
        if value is not None and not isinstance(value, list):
            raise self.fault(field, f"must be a list, found {kind_of(value)}")
        return value or []

    def template(self, value: object, field: str) -> str:
        """A prompt with exactly one '{}'."""
        text = self.text(value, field)
        if text.count("{}") != 1:
            raise self.fault(
                field, f"must have exactly one '{{}}', found {text.count('{}')}: {text!r}"
            )
        return text

    def prompts(self, value: object, field: str) -> list[str]:
        """A list of texts; an empty one for nothing."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.fault(field, f"must be a list of texts, found {kind_of(value)}")
        return [self.text(item, f"{field}[{i}]") for i, item in enumerate(value)]


def kind_of(value: object) -> str:
    """JSON's word for the type of a value."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return "nothing" if value is None else names.get(type(value), "a number")


def load_json(path: str | Path) -> object:
    """Parsed JSON of a facts file. Raises FactError with the byte or line of the fault."""
    try:
        return json.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise FactError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FactError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise FactError(
            f"{path}: is not complete JSON (line {error.lineno}, column {error.colno}: {error.msg})"
        ) from error
    except ValueError as error:
        raise FactError(f"{path}: holds a number that is too long ({error})") from error
    except RecursionError as error:
        raise FactError(f"{path}: is nested too deeply to be a list of records") from error


def load_records(path: str | Path) -> list[tuple[Where, dict]]:
    """The records of a JSON list with their places; case ids checked and distinct."""
    content = load_json(path)
    if not isinstance(content, list):
        raise FactError(f"{path}: must be a list of records, found {kind_of(content)}")
    if not content:
        raise FactError(f"{path}: holds no record")
    records, first_seen = [], {}
    for position, item in enumerate(content, 1):
        record = Where(str(path), position).mapping(item, "record")
        where = Where(str(path), position, record.get("case_id"))
        where.new_case_id(first_seen)
        records.append((where, record))
    return records


def read_counterfact(path: str | Path) -> list[dict]:
    """Records of the public CounterFact JSON as rows of `FACT_SCHEMA`, unsplit."""
    records = with_progress(load_records(path), "facts read")
    return [_counterfact_row(where, record) for where, record in records]


def _counterfact_row(where: Where, record: dict) -> dict:
    rewrite = where.mapping(record.get("requested_rewrite"), "requested_rewrite")
    field = "requested_rewrite.target_new"
    new = where.mapping(rewrite.get("target_new"), field).get("str")
    targets = {
        "target_new": where.text(new, f"{field}.str"),
        "target_true": true_target(where, rewrite),
    }
    if targets["target_new"] == targets["target_true"]:
        raise where.fault(
            "requested_rewrite", f"target_new and target_true are equal: {targets['target_new']!r}"
        )
    subject = where.subject(rewrite.get("subject"), "requested_rewrite.subject")
    # CounterFact has the relation inside the rewrite, appendix A of the paper beside it
    relation = rewrite.get("relation_id", record.get("relation_id"))
    return {
        "case_id": record["case_id"],
        "relation_id": where.text(relation, "requested_rewrite.relation_id"),
        "subject": subject,
        "prompt": where.template(rewrite.get("prompt"), "requested_rewrite.prompt"),
        **targets,
        "paraphrase_prompts": where.prompts(record.get("paraphrase_prompts"), "paraphrase_prompts"),
        **answer_columns(where, record),
    }


def true_target(where: Where, rewrite: dict) -> str | None:
    """The true target of a `requested_rewrite`; None where it is unknown."""
    field = "requested_rewrite.target_true"
    given = rewrite.get("target_true")
    known = {} if given is None else where.mapping(given, field)
    return where.text_or_none(known.get("str"), f"{field}.str")


def read_format(path: str | Path, file_format: str, neighbours: str = "given") -> list[dict]:
    """Rows of a facts file in one of `FORMATS`.

    neighbours: "given", or for triples "from_table" (see `memat.text.triples`).
    """
    from memat.text.triples import read_triples  # triples build on this module

    readers: dict[str, Callable] = {
        "counterfact": read_counterfact,
        "triples": lambda path: read_triples(path, neighbours),
    }
    if file_format not in readers:
        raise FactError(f"facts format {file_format!r} is unknown; allowed: {', '.join(FORMATS)}")
    return [with_answers(row) for row in readers[file_format](path)]


def validate_facts_file(path: str | Path, file_format: str = "counterfact") -> int:
    """Number of records of a facts file that keeps its schema; else FactError."""
    return len(read_format(path, file_format))


def read_ids(path: str | Path) -> set[int]:
    """Case ids of a text file (one a line, `#` comments, `rome_12` allowed) or a JSON list."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FactError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    if text.lstrip().startswith("["):
        items = [(f"item {i}", str(item)) for i, item in enumerate(load_json(path), 1)]
    else:
        lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
        items = [(f"line {i}", line) for i, line in enumerate(lines, 1) if line]
    ids = set()
    for place, item in items:
        if not CASE_ID.fullmatch(item):
            raise FactError(f"{path}: {place}: must be a case id, found {item!r}")
        ids.add(int(item.removeprefix("rome_")))
    return ids


def read_facts(
    path: str | Path, file_format: str = "counterfact", **choice
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Facts (`FACT_SCHEMA`, file order) and rejected rows of a source; choice: `choose_facts`."""
    facts, rejections = choose_facts(path, file_format, **choice)
    return pl.DataFrame(facts, schema=FACT_SCHEMA), rejected_table(rejections)


def choose_facts(
    path: str | Path,
    file_format: str,
    keep_ids: str | Path | None = None,
    tuning_ids: str | Path | None = None,
    neighbours: str = "given",
    contradictions: str = REFUSE,
) -> tuple[list[dict], list[Rejection]]:
    """Rows of `FACT_SCHEMA`, each with its `position` in the file (the first is 1), and what is rejected.

    keep_ids: a purified list; other records are rejected. tuning_ids: these records get the
    split "tuning", all others "report". neighbours: as of `read_format`. contradictions:
    "refuse" facts that contradict an earlier one (FactError), or "drop" them.
    """
    rows = read_format(path, file_format, neighbours)
    known = {row["case_id"] for row in rows}
    keep = known if keep_ids is None else read_ids(keep_ids)
    if not keep & known:
        raise FactError(f"{keep_ids}: none of its {len(keep)} ids is in {path}")
    tuning = set() if tuning_ids is None else read_ids(tuning_ids)
    if unknown := tuning - known:
        raise FactError(f"{tuning_ids}: case id {min(unknown)} is not in {path}")
    kept = [
        row | {"position": position, "split": "tuning" if row["case_id"] in tuning else "report"}
        for position, row in enumerate(rows, 1)
        if row["case_id"] in keep
    ]
    found = list(clashes(kept))
    if contradictions == REFUSE:
        require_consistent(found, path)
    rejections = [
        Rejection(row["case_id"], READING, "record", "not_in_keep_ids")
        for row in rows
        if row["case_id"] not in keep
    ]
    rejections += [clash.rejection for clash in found]
    dropped = {rejection.case_id for rejection in rejections}
    facts = [row for row in kept if row["case_id"] not in dropped]
    for row in facts:
        rejections += _unusable_prompts(row)
    return facts, rejections


def _unusable_prompts(row: dict) -> Iterable[Rejection]:
    """Paraphrases that do not name the subject ask for something else; neighbours need an answer
    that is not the new target."""
    for index, prompt in enumerate(row["paraphrase_prompts"]):
        if row["subject"] not in prompt:
            yield Rejection(
                row["case_id"],
                READING,
                "paraphrase",
                "subject_not_in_prompt",
                index,
                detail=prompt,
            )
    answered = zip(row["neighborhood_prompts"], neighbour_answers(row), strict=True)
    for index, (prompt, (_, reason)) in enumerate(answered):
        if reason:
            place = (row["case_id"], READING, "neighborhood", reason, index)
            yield Rejection(*place, "target_true", prompt)
