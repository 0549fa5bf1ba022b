"""Settings of an edit: those found for the model, those given, and defaults for the rest.

The sections and keys are those of the workflow's configuration (docs/configuration.md).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from memat.edit.spread import LAYERWISE, spread_fault, spread_of
from memat.errors import ConfigError
from memat.model.architecture import Architecture
from memat.resource_folders import resource_folder
from memat.study import sections_edit as of_edit
from memat.study.faults import fault_lines
from memat.study.section import Section
from memat.yaml_files import read_yaml

N_LAYERS = 5  # edit layers by default, as in MEMIT
KEYS_PER_DIMENSION = 4  # tokens of the covariance by default, in MLP widths


class Settings(Section):
    """What an edit depends on besides the facts; each section is one of the configuration."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """of the sampled text"""
    templates: of_edit.Templates = of_edit.Templates()
    covariance: of_edit.Covariance = of_edit.Covariance()
    edit: of_edit.Edit = of_edit.Edit()
    values: of_edit.Values = of_edit.Values()
    deltas: of_edit.Deltas = of_edit.Deltas()

    def faults(self) -> Iterator[tuple[str, str]]:
        for name in type(self).model_fields:
            section = getattr(self, name)
            if isinstance(section, Section):
                yield from ((f"{name}.{key}", fault) for key, fault in section.faults())


def settings_file(model_name: str) -> Path:
    """Where settings that were chosen for a model lie, whether there are any or not."""
    return resource_folder("models") / f"{model_name}.settings.yaml"


def read_settings(given: Mapping | str | Path) -> dict:
    """Settings as a plain dict, from one or from a YAML file. Raises ConfigError(file)."""
    if isinstance(given, Mapping):
        return dict(given)
    content = read_yaml(given, ConfigError)
    if not isinstance(content, dict):
        raise ConfigError(f"{given}: must map sections to keys")
    return content


def default_layers(n_layers: int, layerwise: bool) -> list[int]:
    """Five layers (a third of them all, where that is less) that end at a third of the depth,
    as MEMIT's; layerwise ones end at half of it, as tried on Gemma 3."""
    count = max(1, min(N_LAYERS, n_layers // 3))
    last = n_layers // (2 if layerwise else 3)
    last = min(max(last, count - 1), max(n_layers - 2, 0))
    return list(range(max(0, last - count + 1), last + 1))


def complete_settings(
    given: Mapping, architecture: Architecture, n_layers: int, d_ff: int
) -> Settings:
    """The given settings with defaults that fit the model's size where they leave keys out.

    Raises ConfigError with one line for every fault.
    """
    try:
        settings = Settings.model_validate(dict(given))
    except ValidationError as error:
        raise ConfigError("; ".join(fault_lines(error, Settings))) from error
    spread = spread_of(settings.values.spread, architecture)
    if "layers" not in settings.edit.model_fields_set:
        layers = default_layers(n_layers, spread == LAYERWISE)
        settings = _with(settings, "edit", layers=layers)
    if "tokens" not in settings.covariance.model_fields_set:
        settings = _with(settings, "covariance", tokens=KEYS_PER_DIMENSION * d_ff)
    faults = [f"{key}: {fault}" for key, fault in settings.faults()]
    if settings.edit.layers[-1] + 1 >= n_layers:
        faults.append(
            f"edit.layers: {settings.edit.layers} must lie below the last layer, {n_layers - 1}"
        )
    if fault := spread_fault(spread, architecture):
        faults.append(f"values.spread: {fault}")
    if faults:
        raise ConfigError("; ".join(faults))
    return settings


def _with(settings: Settings, section: str, **values) -> Settings:
    changed = getattr(settings, section).model_copy(update=values)
    return settings.model_copy(update={section: changed})
