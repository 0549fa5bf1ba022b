"""A model's own settings, resources/models/<name>.settings.yaml: read, applied, written.

A key has the value of the user's own config; where that does not name it, that of this file; where
there is none, the default of the sections. `snakemake tune` writes such a file. One that nobody has
edited the model with says `tried: false`; the file that tune writes in its place does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import yaml
from pydantic import ValidationError

from memat.errors import ConfigError
from memat.study.config import Config
from memat.study.faults import fault_lines
from memat.suggest import allowed_values
from memat.yaml_files import read_yaml

# what belongs to a model, and not to a run or its facts
SECTIONS = (
    "templates", "covariance", "edit", "values", "deltas", "probes", "corrections", "iti",
)  # fmt: skip

TRIED = "tried"  # besides the sections: whether the model was edited with these settings here


def settings_path(folder: Path, name: str) -> Path:
    """Where the settings of a model stand."""
    return folder / f"{name}.settings.yaml"


def with_model_settings(config: dict, given: Mapping, folder: Path) -> tuple[dict, list[str]]:
    """The config with its model's settings, and the keys that have them.

    config: as merged from config.yaml and what the user gave; given: the latter alone. Neither
    has to be without faults. A model without a file of settings leaves the config as it is.
    Raises ConfigError naming the file and its key.
    """
    section = config.get("model")
    name = section.get("name", Config().model.name) if isinstance(section, Mapping) else None
    path = settings_path(folder, str(name))
    if not path.is_file():
        return config, []
    found, defaults = _read(path), Config().model_dump()
    changed, taken = deepcopy(config), []
    for key, value in _leaves(found, defaults):
        *above, last = key
        place = changed
        for part in above:
            place = place.setdefault(part, {}) if isinstance(place, dict) else {}
        default = _at(defaults, key)
        # a key that config.yaml itself was changed at is the user's as well
        own = _at(given, key) is not ... or _at(config, key) not in (..., default)
        if not own and isinstance(place, dict):
            place[last] = value
            taken.append(".".join(key))
    return changed, taken


def settings_notice(name: str, taken: Sequence[str]) -> str | None:
    """What a user must know of settings that neither their config nor the defaults gave."""
    if not taken:
        return None
    path = settings_path(Path("resources/models"), name)
    return f"settings of the model, from {path}: {', '.join(taken)}"


def overridden_notice(folder: Path, name: str, config: Mapping) -> str | None:
    """What of the model's own settings the run's config sets otherwise. config: completed."""
    path = settings_path(folder, name)
    if not path.is_file():
        return None
    found = [
        f"{'.'.join(key)} {_at(config, key)} (there {value})"
        for key, value in _leaves(_read(path), Config().model_dump())
        if _at(config, key) not in (..., value)
    ]
    return f"otherwise than in {path}: {', '.join(found)}" if found else None


def untried_notice(folder: Path, name: str) -> str | None:
    """What a user must know of settings that come with the project and were never tried."""
    path = settings_path(folder, name)
    if not path.is_file() or _content(path).get(TRIED, True):
        return None
    return (
        f"model {name}: untried here; the settings in {path} are where to start, and the target"
        " `tune` searches better ones (docs/tuning.md)"
    )


def settings_text(name: str, settings: Mapping[str, object], comment: str) -> str:
    """A file of settings. settings: {dotted key: value}. comment: how they were found."""
    nested: dict = {}
    for key, value in settings.items():
        *above, last = key.split(".")
        place = nested
        for section in above:
            place = place.setdefault(section, {})
        place[last] = value
    head = f"Settings of {name}; runs take them where their own config says nothing.\n{comment}"
    lines = "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
    return lines + yaml.safe_dump(nested, default_flow_style=None, sort_keys=False)


def _content(path: Path) -> dict:
    content = read_yaml(path, ConfigError)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must be a mapping of sections")
    return content


def _read(path: Path) -> dict:
    content = _content(path)
    tried = content.pop(TRIED, True)
    if not isinstance(tried, bool):
        raise ConfigError(f"{path}: {TRIED}: must be true or false, found {tried!r}")
    for section, keys in content.items():
        if section not in SECTIONS:
            raise ConfigError(f"{path}: {allowed_values(section, SECTIONS)}")
        if not isinstance(keys, dict):
            raise ConfigError(f"{path}: {section}: must be a mapping, found {keys!r}")
    try:
        Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {'; '.join(fault_lines(error, Config))}") from None
    return content


def _leaves(found: Mapping, defaults: Mapping, above: tuple = ()) -> Iterator[tuple[tuple, object]]:
    """Every key that is no section, with the names of the sections above it."""
    for key, value in found.items():
        known = defaults.get(key) if isinstance(defaults, Mapping) else None
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            yield from _leaves(value, known, (*above, key))
        else:
            yield (*above, key), value


def _at(config: Mapping, key: tuple) -> object:
    """The value at a key; `...` where there is none."""
    place = config
    for part in key:
        if not isinstance(place, Mapping) or part not in place:
            return ...
        place = place[part]
    return place
