"""Writes the page of all settings from config.yaml and its schema: `make docs`.

    python docs/configuration.py > docs/configuration.md

Meaning and default are those of config.yaml, where every key has its comment; what is
allowed comes from schemas/config.schema.yaml.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*?)(?:\s*#\s*(?P<comment>.*))?$")
COMMENT = re.compile(r"^(?P<indent> *)#(?! ?---) ?(?P<comment>.*)$")
MACHINE_LIMIT = 2**31 - 1  # such a bound keeps numbers computable and says nothing of the key
ALIGNED = 12  # a comment further in than this goes on with that of the key above it
INTRODUCTION = """# Settings

Made from `config.yaml` and its schema by `make docs`; do not edit it here. A run's file has
these keys and no others; one that it leaves out has the default given here. `configs/` holds
files to copy, each with only what differs.

"""


def page() -> str:
    """The page as Markdown: a table for each section."""
    text = (REPOSITORY / "config.yaml").read_text(encoding="utf-8")
    schema = yaml.safe_load(
        (REPOSITORY / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")
    )
    comments, defaults = comments_of(text), dict(leaves(yaml.safe_load(text)))
    parts, section = [INTRODUCTION], None
    for path, default in defaults.items():
        first, _, rest = path.partition(".")
        if first != section:
            section = first
            parts.append(
                f"\n## {first}\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n"
            )
        cells = (rest or first, f"`{_shown(default)}`", allowed(schema, path), comments[path])
        parts.append(f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |\n")
    return "".join(parts)


def comments_of(text: str) -> dict[str, str]:
    """Dotted key → its comment in a YAML text: the lines above the key, and beside it."""
    comments: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    path, above = None, []
    for line in text.splitlines():
        if match := LINE.match(line):
            depth = len(match["indent"])
            stack = [(at, key) for at, key in stack if at < depth] + [(depth, match["key"])]
            path = ".".join(key for _, key in stack)
            comments[path] = " ".join([*above, match["comment"] or ""]).strip()
            above = []
        elif match := COMMENT.match(line):
            if path and len(match["indent"]) > ALIGNED:
                comments[path] = f"{comments[path]} {match['comment'].strip()}".strip()
            else:
                above.append(match["comment"].strip())
        else:
            path, above = None, []
    return comments


def leaves(content: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted keys and values of a configuration; the experiments are one value."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def allowed(schema: dict, path: str) -> str:
    """What the schema lets a key be, in words."""
    node = schema
    for key in path.split("."):
        node = _resolved(schema, node)["properties"][key]
    return _words(schema, _resolved(schema, node))


def _resolved(schema: dict, node: dict) -> dict:
    reference = node.get("$ref")
    return node | schema["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def _words(schema: dict, node: dict) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    types = node.get("type", "any")
    words, *other = types if isinstance(types, list) else [types]
    if "items" in node and words == "array":
        words = f"list of {_words(schema, _resolved(schema, node['items']))}"
    if node.get("maximum", 0) >= MACHINE_LIMIT:
        node = {key: value for key, value in node.items() if key != "maximum"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " ".join(
        [
            words,
            *(f"{sign} {node[key]:g}" for key, sign in bounds.items() if key in node),
            *(f"or {kind}" for kind in other),
        ]
    )


def _shown(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{len(value)} rows"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


if __name__ == "__main__":
    print(page(), end="")
