"""The models of a run that can be compared: its experiments, as far as their files are there."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memat.errors import ConfigError
from memat.results_folder import checked_results, read_config
from memat.study.config import completed, config_faults
from memat.study.paths import Paths
from memat.study.plan import Study, plan_study
from memat.study.rows import Row
from memat.study.settings_file import with_model_settings
from memat.suggest import allowed_values
from memat.yaml_files import read_yaml

MODELS = Path("resources/models")
UNEDITED = "unedited"


@dataclass(frozen=True)
class CarriedFiles:
    """One model. deltas, corrections: the files it carries; none: the unedited model."""

    name: str
    deltas: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Files that no run has made yet."""
        return [path for path in (*self.deltas, *self.corrections) if not Path(path).is_file()]


@dataclass(frozen=True)
class Comparison:
    """What the page asks. first: names of the models that it begins with. block: the facts that
    they are edited with, rows of the tables `bilingual` and `blocks`. compute: config section."""

    manifest: str
    compute: dict
    languages: tuple[str, ...]
    models: tuple[CarriedFiles, ...]
    first: tuple[str, ...]
    block: str
    bilingual: str
    blocks: str


def comparison_of(config_file: str, experiments: Sequence[str], repository: Path) -> Comparison:
    """The models of a run that are there, after its config file; paths start at `repository`.

    experiments: names of those to compare; none: all that have been made. The page begins with
    all that are named, else with the unedited model, the first edited and the first corrected one.
    The facts are those of `export.block`. Raises ConfigError for a name that is no experiment, or
    one whose model has not been made.
    """
    config = read_config(config_file, repository)
    config, _ = with_model_settings(config, read_yaml(config_file, ConfigError), MODELS)
    for fault in config_faults(config):
        raise ConfigError(fault)
    config = completed(config)
    study = plan_study(config)
    paths = Paths(str(checked_results(config["results"], repository)), config["study"]["name"])
    block = str(config["export"]["block"])
    rows = [_named_row(study, name) for name in experiments] or _with_weights(study.main.rows)
    found = []
    for row in rows:
        corrections = paths.corrections_of(row.model, study.corrected_with(row.model, block))
        deltas = paths.deltas_of(row.model, block)
        found.append((row, CarriedFiles(row.name, tuple(deltas), tuple(corrections))))
    missing = [files for _, files in found if files.missing()]
    if experiments and missing:
        name, first = missing[0].name, missing[0].missing()[0]
        raise ConfigError(f"experiment {name}: {_not_made(first, config_file)}")
    there = [(row, files) for row, files in found if files not in missing]
    manifest = str(MODELS / config["model"]["name"] / "manifest.json")
    for path in (manifest, paths.bilingual, paths.blocks):
        if not Path(path).is_file():
            raise ConfigError(_not_made(path, config_file))
    models = [files for _, files in there]
    if not any(not row.model.edits for row, _ in there):
        models.insert(0, CarriedFiles(UNEDITED))
    return Comparison(
        manifest,
        config["compute"],
        study.languages,
        tuple(models),
        tuple(files.name for files in (models if experiments else _one_of_each(models))),
        block,
        paths.bilingual,
        paths.blocks,
    )


def _named_row(study: Study, name: str) -> Row:
    row = study.row(name)
    if row.model.context:
        names = [row.name for row in _with_weights(study.main.rows)]
        raise ConfigError(
            f"experiment {name}: method {row.spec['method']} changes no weight, it tells the fact"
            f" before each prompt; {allowed_values(name, names)}"
        )
    return row


def _with_weights(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row.model.context]


def _one_of_each(models: Sequence[CarriedFiles]) -> list[CarriedFiles]:
    """The first model of each kind: unedited, edited, corrected."""
    kinds = {(bool(files.deltas), bool(files.corrections)): files for files in reversed(models)}
    return [files for files in models if files in kinds.values()]


def _not_made(path: str, config_file: str) -> str:
    return (
        f"{path} has not been made yet; run the workflow first:"
        f" .venv/bin/snakemake --cores all --configfile {shlex.quote(config_file)}"
    )
