"""The config against its JSON schema, each fault as one line for a person."""

import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from memat.suggest import allowed_values, shown

_KINDS = {
    "object": "a section",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_PYTHON_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean"}
_PYTHON_KINDS |= {float: "number", int: "integer"}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
}


def schema_faults(config: dict, schema_path: Path) -> Iterator[str]:
    """One line per fault: `values.stepss: unknown key; allowed: …; did you mean 'steps'?`"""
    for error in sorted(
        _validator(schema_path).iter_errors(config), key=lambda e: [str(p) for p in e.path]
    ):
        yield from _lines(error)


@cache
def _validator(schema_path: Path) -> Draft202012Validator:
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    return _Strict(schema)


def _is_whole(_checker, value: object) -> bool:
    """JSON Schema takes 3.0 for a whole number; range() does not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker, value: object) -> bool:
    """YAML knows .nan and .inf, and whole numbers of any length."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def _is_plain_text(_checker, value: object) -> bool:
    """Names, paths and patterns: no line breaks, control characters, halves of characters."""
    return isinstance(value, str) and not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value
    )


_Strict = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_whole, "number": _is_number, "string": _is_plain_text}
    ),
)


def _lines(error: ValidationError) -> Iterator[str]:
    place = _place(error)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for key in [key for key in error.instance if key not in known]:
            prefix = f"{place}." if place else ""
            yield f"{prefix}{shown(key)}: unknown key; {allowed_values(key, known)}"
    elif error.validator == "required":
        for key in [key for key in error.validator_value if key not in error.instance]:
            yield f"{place}.{key}: missing".removeprefix(".")
    else:
        yield f"{place or 'config'}: {_fault(error)}"


def _fault(error: ValidationError) -> str:
    found, limit = error.instance, error.validator_value
    if error.validator == "enum":
        return allowed_values(found, limit)
    if error.validator == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        return f"must be {' or '.join(_KINDS[kind] for kind in kinds)}, found {_found(found)}"
    if error.validator in _LIMITS:
        return f"must be {_LIMITS[error.validator]} {limit}, found {found}"
    if error.validator in ("minItems", "minLength"):
        return "must not be empty"
    if error.validator == "pattern":
        return f"{found!r} has not the expected form ({limit})"
    return error.message


def _found(value: object) -> str:
    if value is None:
        return "null"
    kind = _PYTHON_KINDS.get(type(value))
    if kind in ("object", "array"):
        return _KINDS[kind]
    note = _KINDS.get(kind, type(value).__name__)
    if kind in ("number", "integer") and not _is_number(None, value):
        note = "too large or no number"
    if kind == "string" and not _is_plain_text(None, value):
        note = "a text with a line break or another control character"
    return f"{value!r} ({note})"


def _place(error: ValidationError) -> str:
    """`experiments[3].train`"""
    place = ""
    for part in error.absolute_path:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    return place.removeprefix(".")
