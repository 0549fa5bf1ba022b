"""What is written from the sections: config.yaml, its JSON schema and the page of settings."""

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Annotated

import yaml
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from memat.study.config import Config
from memat.study.section import MACHINE_LIMIT, Section
from memat.study.sections_study import Claim, Experiment, Report, StudyFile, StudyRow

# of a study file
LISTED = {"": StudyFile, "reports": Report, "reports.rows": StudyRow, "claims": Claim}
WIDTH = 100
LEAST_COMMENT_WIDTH = 40
CONFIG_HEADER = """\
# Every key of a run, with what it means and its default. A run of your own is another file that
# holds only what differs, at least the facts (configs/own.yaml is one to copy):
#   .venv/bin/snakemake --cores all --configfile configs/own.yaml
# A call without a --configfile is the demo, configs/demo.yaml (profiles/default says so). Keys
# are checked before any stage starts. Settings of the model and of the edit are those chosen for
# the default model. Written by `make docs` from the classes in workflow_scripts/memat/study/.
# yaml-language-server: $schema=schemas/config.schema.json

"""
EXAMPLE_ROWS = """\
# Rows of one's own, for example:
# experiments:
#   - {name: unedited, method: unedited}
#   - {name: memat_en_ca, method: memat, train: en, heads: ca}
"""
PAGE_HEADER = """\
# Settings

Written by `make docs` from the classes in `workflow_scripts/memat/study/`; do not edit it here. A
run's file has these keys and no others; one that it leaves out has the default given here.
`configs/` holds files to copy, each with only what differs.
"""


def config_text() -> str:
    """config.yaml: every key with its default and, as a comment, its meaning."""
    parts = [CONFIG_HEADER]
    for name, field in Config.model_fields.items():
        if name == "experiments":
            parts.append(_experiments(field))
        elif section := section_of(field):
            parts.append(f"\n{_rule(name, section)}\n{name}:\n")
            parts += _key_lines(section, "  ")
        elif field.default is not None:
            parts += [*_comment(field.description, ""), f"{name}: {_inline(field.default)}\n"]
    return "".join(parts)


def json_schema() -> str:
    """The JSON schema of a config, for editors; no key is required, as each has a default."""
    schema = Config.model_json_schema()
    schema.pop("required", None)
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def settings_page() -> str:
    """docs/configuration.md: a table of key, default, allowed and meaning for each section."""
    parts = [PAGE_HEADER]
    for name, field in Config.model_fields.items():
        if name == "experiments":
            parts.append(_table(name, "One row of the results table each.", _rows(Experiment)))
        elif section := section_of(field):
            parts.append(_table(name, _flat(section.__doc__), _rows(section)))
        else:
            parts.append(_table(name, "", [_row(name, field)]))
        for key, kind in LISTED.items() if name == "study" else ():
            title = f"a study file: {key}".removesuffix(": ")
            parts.append(_table(title, _flat(kind.__doc__), _rows(kind)))
    return "".join(parts)


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a key stands for; None of a key with a value."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def leaf_keys(section: type[Section] = Config, above: str = "") -> Iterator[str]:
    """Dotted keys of everything that is no section; the experiments are one key."""
    for name, field in section.model_fields.items():
        if inner := section_of(field):
            yield from leaf_keys(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())


def _rule(name: str, section: type[Section]) -> str:
    """The comment above a section, its first line drawn out to a rule."""
    first, *rest = wrap(f"--- {name}: {_flat(section.__doc__)}", WIDTH - 10)
    return "\n".join([f"# {first} ".ljust(WIDTH, "-"), *(f"# {line}" for line in rest)])


def _comment(text: str | None, indent: str) -> list[str]:
    return [f"{indent}# {line}\n" for line in wrap(_flat(text), WIDTH - len(indent) - 2)]


def _key_lines(section: type[Section], indent: str) -> Iterator[str]:
    """Keys of a section; each comment begins beside its key and goes on below itself."""
    for name, field in section.model_fields.items():
        if inner := section_of(field):
            yield f"{indent}{name}:".ljust(26) + f"# {_flat(inner.__doc__)}\n"
            yield from _key_lines(inner, indent + "  ")
            continue
        start = f"{indent}{name}: {_inline(field.default)}  ".ljust(26)
        if len(start) > WIDTH - LEAST_COMMENT_WIDTH:
            yield from _comment(field.description, indent)
            yield start.rstrip() + "\n"
            continue
        first, *rest = wrap(_flat(field.description), WIDTH - len(start) - 2) or [""]
        yield f"{start}# {first}".rstrip(" #") + "\n"
        yield from (f"{' ' * len(start)}# {line}\n" for line in rest)


def _experiments(field: FieldInfo) -> str:
    lines = [f"\n{'# --- experiments: one row of the results table each '.ljust(WIDTH, '-')}\n"]
    for name, key in Experiment.model_fields.items():
        first, *rest = wrap(f"{name}: {_flat(key.description)}", WIDTH - 6)
        lines += [f"# {first}\n", *(f"#   {line}\n" for line in rest)]
    default = [*_comment(f"null: {_flat(field.description)}", ""), "experiments: null\n"]
    return "".join([*lines, *default, EXAMPLE_ROWS])


def _inline(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("...\n").strip()


def _table(name: str, introduction: str, rows: list[list[str]]) -> str:
    head = f"\n## {name}\n\n" + (f"{introduction}\n\n" if introduction else "")
    lines = [["key", "default", "allowed", "meaning"], ["---"] * 4, *rows]
    return head + "".join(
        f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |\n" for line in lines
    )


def _rows(section: type[Section], above: str = "") -> list[list[str]]:
    rows = []
    for name, field in section.model_fields.items():
        inner = section_of(field)
        rows += _rows(inner, f"{above}{name}.") if inner else [_row(f"{above}{name}", field)]
    return rows


def _row(name: str, field: FieldInfo) -> list[str]:
    default = "–" if field.is_required() else f"`{_inline(field.default)}`"
    kind = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    return [name, default, _words(TypeAdapter(kind).json_schema()), _flat(field.description)]


_WORDS = {"integer": "whole number", "string": "text", "boolean": "true, false"}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _words(schema: dict) -> str:
    """What a key may be, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(_words(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_words(schema['items'])}"
    words = [_WORDS.get(schema.get("type"), schema.get("type", "any"))]
    bounded = {
        key: schema[key] for key in _BOUNDS if schema.get(key, 0) < MACHINE_LIMIT and key in schema
    }
    return " ".join([*words, *(f"{_BOUNDS[key]} {value:g}" for key, value in bounded.items())])
