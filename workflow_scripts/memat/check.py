"""Everything that can be refused before a stage runs, said with the key and what is allowed.

`check_config` looks at the config alone first (its sections, languages, experiments),
then at the files it names (model spec, facts, ids). It reads no weights and
starts no stage: seconds, also for large models.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from memat.check_files import (
    check_facts,
    check_prepared_model,
    check_subject_list,
    require_file,
)
from memat.commits import beginning_notice
from memat.edit.solver import DEFAULT
from memat.edit.spread import solver_fault, spread_fault, spread_of
from memat.errors import ConfigError, LanguageError
from memat.model.spec import ModelSpec, read_model_spec
from memat.results_folder import layout_faults, results_faults
from memat.study.config import completed, config_faults
from memat.study.plan import Study, plan_study
from memat.study.row_faults import experiment_faults, general_faults, study_faults
from memat.study.rows import all_languages
from memat.study.settings_file import overridden_notice, settings_notice, untried_notice
from memat.study.translation import file_of, used_settings
from memat.suggest import allowed_values
from memat.text.engine import engine_names, files_of, missing
from memat.text.languages import Language, load_language
from memat.text.reader import own_settings


def check_config(config: dict, from_model: Sequence[str] = ()) -> list[str]:
    """Sentences on model and facts that a user should know before a run.

    config: the merged configuration; what it leaves out has its default. from_model: keys that
    have the value of the model's own settings (`memat.study.settings_file`).
    Raises ConfigError, FactError, ModelError or LanguageError for the first kind of fault.
    """
    _raise_all(config_faults(config))
    config = completed(config)
    _raise_all(chain(results_faults(config["results"]), _language_faults(config)))
    _raise_all(layout_faults(config["results"]))
    languages = {}
    for code in all_languages(config):
        path = Path(f"resources/languages/{code}.yaml")
        languages[code] = _check_language(path)
        own_settings(config["facts"], path)
    _raise_all(chain(experiment_faults(config), study_faults(config)))
    into = translations(config)
    spec = read_model_spec(Path("resources/models"), config["model"]["name"])
    spread = spread_of(config["values"]["spread"], spec.architecture)
    study = plan_study(config, spread)
    _raise_all(chain(_size_faults(config, spec, study), _spread_faults(spread, spec, study)))
    _raise_all(general_faults(config["general"], study))
    _check_named_files(config, into)
    check_subject_list(config)
    check_prepared_model(spec)
    notices = [
        spec.license_notice(),
        untried_notice(spec.path.parent, spec.name),
        settings_notice(spec.name, from_model),
        overridden_notice(spec.path.parent, spec.name, config),
        *_translation_notices(config, into, languages),
        *_commit_notices(config, spec, into),
        _left_out_notice(study, spread, spec.name),
    ]
    return [*filter(None, notices), *check_facts(config)]


def _raise_all(faults: Iterator[str]) -> None:
    found = list(faults)
    if len(found) == 1:
        raise ConfigError(found[0])
    if found:
        raise ConfigError(f"{len(found)} faults:\n" + "\n".join(f"  {fault}" for fault in found))


def _language_faults(config: dict) -> Iterator[str]:
    known = sorted(path.stem for path in Path("resources/languages").glob("*.yaml"))
    source, targets = config["languages"]["source"], config["languages"]["targets"]
    places = {"source": source} | {f"targets[{i}]": code for i, code in enumerate(targets)}
    for place, code in places.items():
        if code not in known:
            yield (
                f"languages.{place}: {allowed_values(code, known)}"
                f" (a new language is a file resources/languages/{code}.yaml)"
            )
    for code in config["review"]["surprisal"]:
        if code not in targets:
            yield f"review.surprisal: {allowed_values(code, targets)} (a language of languages.targets)"


def _check_language(path: Path) -> Language:
    """The language of a file. Raises LanguageError if it holds another language or names no engine."""
    language = load_language(path)
    if language.code != path.stem:
        raise LanguageError(f"{path}: code: must be that of the file's name, found {language.code}")
    for name in language.rules_for:
        if name not in engine_names():
            raise LanguageError(f"{path}: rules_for: {allowed_values(name, engine_names())}")
    return language


def _translation_notices(
    config: dict, into: dict[str, dict], languages: dict[str, Language]
) -> Iterator[str]:
    """What keeps a language from being translated here, or its rules from being used."""
    for code, settings in into.items():
        place = f"translate.by_language.{code}"
        place = place if code in config["translate"]["by_language"] else "translate"
        if fault := missing(settings):
            yield f"on this machine {code} cannot be translated: {place}.{fault}"
        if languages[code].translation_rules and not languages[code].rules_for:
            yield (
                f"resources/languages/{code}.yaml: rules_for names no engine, so its"
                " translation_rules are not used"
            )


def _size_faults(config: dict, spec: ModelSpec, study: Study) -> Iterator[str]:
    """Layers and heads beyond the model."""
    beyond = [str(layer) for layer in config["edit"]["layers"] if layer >= spec.n_layers]
    if beyond:
        yield (
            f"edit.layers: {', '.join(beyond)} {'is' if len(beyond) == 1 else 'are'} out of range;"
            f" {spec.name} has layers 0 to"
            f" {spec.n_layers - 1}, of which the last cannot be edited"
        )
    if config["edit"]["layers"][-1] == spec.n_layers - 1:
        yield (
            f"edit.layers: {spec.n_layers - 1} is the last layer of {spec.name}; values are read"
            " and optimised below it, at most at the last but one"
        )
    for number, layers in enumerate(config["tune"]["edit"]["layers"] or []):
        if layers[-1] >= spec.n_layers - 1:
            yield (
                f"tune.edit.layers[{number}]: {layers[-1]} is out of range; the highest edit layer"
                f" of {spec.name} is at most {spec.n_layers - 2}"
            )
    if config["align"]["model"] == "edited" and config["align"]["layer"] > spec.n_layers:
        yield (
            f"align.layer: {config['align']['layer']} is out of range;"
            f" {spec.name} has hidden layers 0 to {spec.n_layers}"
        )
    yield from _head_faults(config, spec, study)


def _head_faults(config: dict, spec: ModelSpec, study: Study) -> Iterator[str]:
    """Numbers of heads that the model has not."""
    n_heads = spec.n_layers * spec.n_heads
    keys = {"corrections.k": config["corrections"]["k"]}
    for i, row in enumerate(study.main.rows):
        keys[f"experiments[{i}] ({row.name}).k"] = row.spec.get("k", 1)
    has = f"{spec.name} has {n_heads} heads ({spec.n_layers} layers of {spec.n_heads})"
    for key, k in keys.items():
        if k > n_heads:
            yield f"{key}: {k} is out of range; {has}"
    file = config["study"]["file"]
    for report in study.others:
        most = max(report.rows, key=lambda row: row.spec.get("k", 1), default=None)
        if most and most.spec.get("k", 1) > n_heads:
            yield (
                f"study: {report.name} ({most.name}).k: {most.spec['k']} is out of range; {has};"
                f" study.axes replaces the lists of {file}, study.file: null leaves it out"
            )


def _spread_faults(spread: str, spec: ModelSpec, study: Study) -> Iterator[str]:
    """A way of spreading values that is not for the model or for a solver."""
    if fault := spread_fault(spread, spec.architecture):
        yield f"values.spread: {fault} for {spec.name}"
    for i, row in enumerate(study.main.rows):
        if fault := solver_fault(spread, row.spec.get("solver", DEFAULT)):
            yield f"experiments[{i}] ({row.name}).solver: {fault} as {spec.name} is edited here"


def _left_out_notice(study: Study, spread: str, model: str) -> str | None:
    """What the study's file asks for and the model cannot have."""
    if not study.left_out:
        return None
    rows = ", ".join(f"{solver} of {report}" for report, solver in study.left_out)
    return f"{model} is edited with {spread} values, so the study has no rows of {rows}"


def _commit_notices(config: dict, spec: ModelSpec, into: dict[str, dict]) -> Iterator[str | None]:
    """Sentences on commit ids that are cut short; into: settings by target language."""
    if not spec.manifest.is_file():
        yield beginning_notice(f"{spec.path}: revision", spec.content.get("revision"))
    used = {
        f"translate.{settings['engine']}.revision": settings[settings["engine"]].get("revision")
        for settings in into.values()
    }
    used |= {f"{key}.revision": config[key]["revision"] for key in ("align", "covariance")}
    for place, revision in used.items():
        yield beginning_notice(place, revision)


def translations(config: dict) -> dict[str, dict]:
    """The settings of the translation into each target language. Raises LanguageError where
    one of them follows from no language file."""
    if config["facts"]["bilingual"]:
        return {}
    source = Path(f"resources/languages/{config['languages']['source']}.yaml")
    return {
        code: used_settings(config["translate"], source, source.with_stem(code))
        for code in config["languages"]["targets"]
    }


def _check_named_files(config: dict, into: dict[str, dict]) -> None:
    """into: settings of the translation by target language."""
    named = [(f"facts.{key}", config["facts"][key]) for key in ("path", "keep_ids", "tuning_ids")]
    for code in config["languages"]["targets"]:
        named.append(("facts.reference", file_of(config["facts"]["reference"], code)))
        named.append(("repair.corrections", file_of(config["repair"]["corrections"], code)))
    for code, settings in into.items():
        own = f"by_language.{code}." if code in config["translate"]["by_language"] else ""
        named += [(f"translate.{own}{key}", path) for key, path in files_of(settings).items()]
    if config["covariance"]["source"] == "text":
        named.append(("covariance.path", config["covariance"]["path"]))
    named += [(f"damage.texts.{code}", path) for code, path in config["damage"]["texts"].items()]
    for key, path in named:
        require_file(key, path)
