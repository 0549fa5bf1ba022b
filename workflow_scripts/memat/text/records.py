"""Records of a facts file, and how each of their fields is asked for.

Breaks of a file's schema are a `FactError` that names file, record and field.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memat.errors import FactError
from memat.suggest import shown
from memat.text.words import LONE_SURROGATE


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

    def items(self, value: object, field: str) -> list[tuple[object, str]]:
        """What a list holds, each with its field; an empty one for nothing."""
        if value is not None and not isinstance(value, list):
            raise self.fault(field, f"must be a list, found {kind_of(value)}")
        return [(item, f"{field}[{i}]") for i, item in enumerate(value or [])]

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


def load_records(path: str | Path, numbered: bool = True) -> list[tuple[Where, dict]]:
    """The records of a JSON list with their places; case ids checked and distinct.

    numbered: each has a case_id; otherwise its position stands for one that is not given.
    """
    content = load_json(path)
    if not isinstance(content, list):
        raise FactError(f"{path}: must be a list of records, found {kind_of(content)}")
    if not content:
        raise FactError(f"{path}: holds no record")
    records, first_seen = [], {}
    for position, item in enumerate(content, 1):
        record = Where(str(path), position).mapping(item, "record")
        case_id = record.get("case_id", None if numbered else position)
        where = Where(str(path), position, case_id)
        where.new_case_id(first_seen)
        records.append((where, record))
    return records


def first_record(path: str | Path) -> dict:
    """The first record of a JSON list, to tell its format; empty where there is none."""
    try:
        content = load_json(path)
    except FactError:
        return {}
    first = content[0] if isinstance(content, list) and content else None
    return first if isinstance(first, dict) else {}


def true_target(where: Where, rewrite: dict) -> str | None:
    """The true target of a `requested_rewrite`; None where it is unknown."""
    field = "requested_rewrite.target_true"
    given = rewrite.get("target_true")
    known = {} if given is None else where.mapping(given, field)
    return where.text_or_none(known.get("str"), f"{field}.str")
