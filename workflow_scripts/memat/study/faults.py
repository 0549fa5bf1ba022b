"""What pydantic says of a config, as lines for a person: place, found, allowed."""

import sys
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel, ValidationError

from memat.suggest import allowed_values, shown

_KINDS = {
    "model": "a section",
    "dict": "a section",
    "list": "a list",
    "string": "a text",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "none": "null",
}
_NOTES = {
    "finite_number": ("a number", "too large or no number"),
    "control_character": ("a text", "a text with a line break or another control character"),
    "string_unicode": ("a text", "a text with half of a character"),
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("above", "gt"),
    "less_than": ("below", "lt"),
}


def fault_lines(error: ValidationError, model: type[BaseModel]) -> Iterator[str]:
    """One line for each fault, in the order of their places."""
    faults = [{**fault, "loc": _keys_of(fault["loc"])} for fault in error.errors()]
    first = {fault["loc"]: fault for fault in reversed(faults)}  # of the kinds of a union the first
    inner = {place[:depth] for place in first for depth in range(1, len(place))}
    # a list with a faulty item is also no text: the item says it all
    shown = [f for place, f in first.items() if place not in inner or f["type"] != "string_type"]
    for fault in sorted(shown, key=lambda f: [str(part) for part in f["loc"]]):
        yield _line(fault, model)


def _keys_of(place: tuple) -> tuple:
    """The place without the names that pydantic gives to the kinds of a union."""
    return tuple(part for part in place if part != "str" and "[" not in str(part))


def _line(fault: dict, model: type[BaseModel]) -> str:
    *above, last = fault["loc"] or ("config",)
    if fault["type"] in ("extra_forbidden", "invalid_key"):
        known = _section_at(model, above).model_fields
        prefix = f"{_place(above)}." if above else ""
        return f"{prefix}{shown(last)}: unknown key; {allowed_values(last, known)}"
    return f"{_place(fault['loc']) or 'config'}: {_problem(fault)}"


def _problem(fault: dict) -> str:
    kind, found, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "missing":
        return "missing"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]}, found {found}"
    if kind == "literal_error":
        # pydantic gives the choices as one text: 'a', 'b' or 'c'
        names = context["expected"].replace(" or ", ",").split(",")
        return allowed_values(found, [name.strip(" '") for name in names])
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return f"{found!r} has not the expected form ({context['pattern']})"
    if kind in _NOTES:
        wanted, note = _NOTES[kind]
        return f"must be {wanted}, found {found!r} ({note})"
    wanted = kind.rsplit("_", 1)[0].removesuffix("_type")
    return f"must be {_KINDS.get(wanted, wanted)}, found {_found(found)}"


def _found(value: object) -> str:
    if value is None:
        return "null"
    name = type(value).__name__
    if isinstance(value, dict | list):
        return _KINDS[name]
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return f"{value!r} (too large)"
    return f"{value!r} ({_KINDS.get(name, name)})"


def _place(parts: tuple | list) -> str:
    """`experiments[3].train`."""
    named = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in parts)
    return "".join(named).removeprefix(".")


def _section_at(model: type[BaseModel], path: list) -> type[BaseModel]:
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _section_of(model.model_fields[part].annotation) or model
    return model


def _section_of(annotation: object) -> type[BaseModel] | None:
    """The section in an annotation such as list[Annotated[Experiment, …]]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_of(part))), None)
