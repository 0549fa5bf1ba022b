"""Reading a YAML file that a person wrote."""

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
