"""The config against its JSON schema, each fault as one line for a person."""

from collections.abc import Iterator
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from memat.suggest import allowed_values

_KINDS = {
    "object": "a section",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_PYTHON_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", float: "number"}
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
}


def schema_faults(config: dict, schema_path: Path) -> Iterator[str]:
    """One line per fault: `values.stepss: unknown key; allowed: …; did you mean 'steps'?`"""
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    for error in sorted(
        Draft202012Validator(schema).iter_errors(config), key=lambda e: [str(p) for p in e.path]
    ):
        yield from _lines(error)


def _lines(error: ValidationError) -> Iterator[str]:
    place = _place(error)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for key in [key for key in error.instance if key not in known]:
            prefix = f"{place}." if place else ""
            yield f"{prefix}{key}: unknown key; {allowed_values(key, known)}"
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
        return f"'{found}' has not the expected form ({limit})"
    return error.message


def _found(value: object) -> str:
    if value is None:
        return "null"
    kind = _PYTHON_KINDS.get(type(value), "integer")
    return _KINDS[kind] if kind in ("object", "array") else f"{value!r} ({_KINDS[kind]})"


def _place(error: ValidationError) -> str:
    """`experiments[3].train`"""
    place = ""
    for part in error.absolute_path:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    return place.removeprefix(".")
