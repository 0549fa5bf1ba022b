"""Reading a YAML or JSON file that a person or another program wrote."""

import json
from pathlib import Path

import yaml

from memat.errors import MematError


def read_yaml(path: str | Path, kind: type[MematError]) -> object:
    """Content of a YAML file. Raises `kind`(path, place of the fault)."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise kind(f"{path}: is not UTF-8 text (byte {error.start})") from error
    # YAML reads dates and numbers with Python's own types, which refuse 2020-13-45
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise kind(f"{path}: is not readable YAML ({error})") from error


def read_json(path: str | Path, kind: type[MematError]) -> object:
    """Content of a JSON file. Raises `kind`(path)."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise kind(f"{path}: is not readable JSON ({error})") from error


def read_json_object(path: str | Path, kind: type[MematError]) -> dict:
    """A JSON object. Raises `kind`(path)."""
    content = read_json(path, kind)
    if not isinstance(content, dict):
        raise kind(f"{path}: must hold a JSON object")
    return content
