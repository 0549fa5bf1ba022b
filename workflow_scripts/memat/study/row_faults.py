"""What is wrong with the rows of a study, each with its place in the config."""

from collections.abc import Iterator, Sequence
from os.path import isdir

from pydantic import ValidationError

from memat.edit.solver import DEFAULT, can_be_joint, solver_names, stepwise_fault
from memat.errors import ConfigError
from memat.fact_sets import TUNING
from memat.study.claims import changed
from memat.study.faults import fault_lines
from memat.study.models import CONTEXT_METHODS, JOINT
from memat.study.plan import SEQUENCE, Study, can_protect, can_recycle, experiment_rows
from memat.study.rows import (
    ALLOWED_KEYS,
    NEEDED_KEYS,
    PLACE_KEYS,
    all_languages,
    automatic_name,
    defaults_of,
    expanded,
    language_code,
    language_codes,
    one_or_several,
    resolved,
)
from memat.study.sections_study import StudyRow
from memat.study.steps import facts_edited
from memat.suggest import allowed_values, shown

WORDS = ("source", "target")


def experiment_faults(config: dict) -> Iterator[str]:
    """Faults of the experiments, and of the names they have."""
    first_seen: dict[str, int] = {}
    for position, row in enumerate(experiment_rows(config)):
        place = f"experiments[{position}]"
        if faults := [*row_faults(row, place, config), *_other_facts_faults(row, place, config)]:
            yield from faults
            continue
        name = row.get("name") or automatic_name(resolved(row, defaults_of(config)))
        if name in first_seen:
            yield f"{place} ({name}): name already used by experiments[{first_seen[name]}]"
        first_seen.setdefault(name, position)
    if "experiment" in config and config["experiment"] not in first_seen:
        yield f"experiment: {allowed_values(config['experiment'], first_seen)}"


def general_faults(general: dict, study: Study) -> Iterator[str]:
    """Faults of the section `general`: its experiments, and its folder of tasks."""
    rows = {row.name: row for row in study.main.rows}
    for name in general["experiments"] or []:
        if name not in rows:
            yield f"general.experiments: {allowed_values(name, rows)}"
        elif not rows[name].model.edits:
            yield (
                f"general.experiments: {name} changes no weight, so that nothing can have been lost;"
                " name edited models only"
            )
    if general["include"] and not isdir(general["include"]):
        yield f"general.include: no such folder: {shown(general['include'])}"


def study_faults(config: dict) -> Iterator[str]:
    """Faults of the rows, grids and claims of the study's file."""
    study, axes = config["study"], defaults_of(config).axes
    file = study["file"]
    for number, report in enumerate(study["reports"]):
        place = f"{file}: reports[{number}] ({report['name']})"
        for position, row in enumerate(report["rows"]):
            yield from row_faults(row, f"{place}.rows[{position}]", config)
        if report["kind"] == SEQUENCE:
            yield from _sequence_faults(report, place, axes, config)
        for position, grid in enumerate(report["grid"]):
            yield from _grid_faults(grid, f"{place}.grid[{position}]", axes, config)
    for number, claim in enumerate(study["claims"]):
        for position, grid in enumerate(claim["rows"]):
            place = f"{file}: claims[{number}].rows[{position}]"
            faults = list(_grid_faults(grid, place, axes, config))
            if claim["against"]:
                faults += _grid_faults(grid, place, axes, config, claim["against"])
            yield from dict.fromkeys(faults)


def _sequence_faults(report: dict, place: str, axes: dict, config: dict) -> Iterator[str]:
    """A sequence without steps, or on facts that are not in blocks of a known size."""
    try:
        rows = [*report["rows"], *(row for grid in report["grid"] for row in expanded(grid, axes))]
    except ConfigError:  # told with the grid
        return
    if not any(row.get("steps") for row in rows):
        yield f"{place}: kind sequence needs a row with steps"
    if config["blocks"]["size"] is None:
        yield f"{place}: kind sequence needs blocks.size, the number of facts of a block"
    if any(row.get("facts") == TUNING for row in rows):
        yield f"{place}: kind sequence is about the facts of blocks, not of blocks.tuning"


def _grid_faults(
    grid: dict, place: str, axes: dict, config: dict, against: dict | None = None
) -> Iterator[str]:
    """The faults of its rows, each once. against: keys that a claim changes in every row."""
    if unknown := sorted(map(str, (grid | (against or {})).keys() - StudyRow.model_fields)):
        yield f"{place}.{unknown[0]}: unknown key; {allowed_values(unknown[0], StudyRow.model_fields)}"
        return
    try:
        rows = list(expanded(grid, axes))
    except ConfigError as error:
        yield f"{place}: {error}"
        return
    if against:
        rows = [_changed(row, against) for row in rows]
    yield from dict.fromkeys(fault for row in rows for fault in _made_faults(row, place, config))


def _changed(row: dict, against: dict) -> dict:
    """As `changed`; a row whose method is unknown keeps all keys, to be told of."""
    both = row | against
    return changed(row, against) if str(both.get("method")) in ALLOWED_KEYS else both


def _made_faults(row: dict, place: str, config: dict) -> Iterator[str]:
    """The faults of one row of a grid: first the kinds of its values, which came from lists."""
    of_key = isinstance(row.get("x"), str) and row["x"] in row
    typed = {key: value for key, value in row.items() if not (key == "x" and of_key)}
    try:
        StudyRow.model_validate(typed)
        float(row[row["x"]] if of_key else 0)
    except ValidationError as error:
        yield from (f"{place}.{line}" for line in fault_lines(error, StudyRow))
    except (TypeError, ValueError):
        yield f"{place}.x: {row['x']} is no number in every row"
    else:
        yield from row_faults(typed, place, config)


def row_faults(row: dict, place: str, config: dict) -> Iterator[str]:
    """Keys that a row lacks or its method does not take, and languages that are none of the run."""
    languages, method = all_languages(config), row["method"]
    row = {key: value for key, value in row.items() if value is not None}
    place = f"{place} ({row['name']})" if "name" in row else place
    for key in NEEDED_KEYS[method]:
        if key not in row:
            yield f"{place}.{key}: missing; method {method} needs one of {', '.join(languages)}"
    for key in sorted(row.keys() - {*PLACE_KEYS, *ALLOWED_KEYS[method]}):
        yield f"{place}.{key}: method {method} takes no such key"
    solver, joint = row.get("solver"), [name for name in solver_names() if can_be_joint(name)]
    if row.get("combine") == JOINT and solver in set(solver_names()) - set(joint):
        yield f"{place}.combine: {JOINT} is for the solvers {', '.join(joint)}, not {solver}"
    for key in ("train", "heads"):
        for code in one_or_several(row.get(key, [])):
            if code not in (*languages, *WORDS):
                yield f"{place}.{key}: {allowed_values(code, languages)}"
    trained = one_or_several(row.get("train", []))
    if method in CONTEXT_METHODS and len(trained) > 1:
        yield f"{place}.train: method {method} says each fact in one language, found {trained}"
    if len(set(trained)) < len(trained):
        yield f"{place}.train: must have no repeats, found {trained}"
    for key in ("transport", "taught"):
        yield from _crossing_faults(row, key, place, languages)
    if row.get("transport") and row.get("taught"):
        yield f"{place}.taught: is not for rows with transport"
    yield from _step_faults(row, place, config)
    try:
        row.get("series", "").format(**row | {"x": ""})
    except (KeyError, IndexError, ValueError):
        yield f"{place}.series: {shown(row['series'])} does not name keys of the row"
    if "combine" in row and len(trained) < 2:
        yield f"{place}.combine: needs several languages in train"


def _crossing_faults(row: dict, key: str, place: str, languages: Sequence[str]) -> Iterator[str]:
    """An edit that is to cross to languages that the run has not, or that it has already."""
    asked = one_or_several(row.get(key) or [])
    trained = language_codes(row.get("train", []), languages)
    if asked and len(trained) > 1:
        yield f"{place}.{key}: needs one language in train, found {list(trained)}"
        return
    for word in asked:
        if word not in (*languages, *WORDS):
            yield f"{place}.{key}: {allowed_values(word, languages)}"
        elif language_code(word, languages) in trained:
            yield f"{place}.{key}: {word} is the language of the edit; name another"
    if len({language_code(word, languages) for word in asked}) < len(asked):
        yield f"{place}.{key}: must have no repeats, found {asked}"


def _step_faults(row: dict, place: str, config: dict) -> Iterator[str]:
    """Steps of a number of facts that is not known or too small, and solvers that have no term."""
    steps, solver = row.get("steps"), row.get("solver") or DEFAULT
    if steps is None:
        if row.get("keep_earlier") is not None:
            yield f"{place}.keep_earlier: is for rows with steps"
        return
    for key in ("transport", "taught"):
        if row.get(key):
            yield f"{place}.steps: is not for rows with {key}"
    if solver in solver_names() and (fault := stepwise_fault(solver)):
        yield f"{place}.steps: solver {fault}"
    n_facts = facts_edited(row, config["blocks"]["size"], config["blocks"]["tuning"])
    if n_facts is None:
        yield (
            f"{place}.steps: blocks.size is null, so how many facts a step has is not known before"
            " translation; give blocks.size a number"
        )
    elif steps > max(n_facts, 1):
        yield f"{place}.steps: {steps} steps are more than the {n_facts} facts"


def _other_facts_faults(row: dict, place: str, config: dict) -> Iterator[str]:
    """Recycled corrections, protected subjects, transported keys and taught values without other
    facts to take them from. Reports of the study are refused when asked for.
    """
    place = f"{place} ({row['name']})" if row.get("name") else place
    blocks, examples = config["blocks"], config["values"]["taught"]["examples"]
    none_set_apart = "blocks.donor and blocks.tuning are 0; set one of them, or"
    if row.get("recycled") and not can_recycle(blocks):
        yield (
            f"{place}.recycled: corrections of other facts need blocks.donor above 0 or"
            f" blocks.count of at least 2, found 0 and {blocks['count']}"
        )
    key, what = "protected", "protected subjects are"
    needed = row.get(key, config["covariance"]["protected_subjects"]["use"])
    if row.get("transport"):
        key, what, needed = "transport", "other subjects' keys are", True
    if row["method"] != "unedited" and needed and not can_protect(config, "0"):
        yield (
            f"{place}.{key}: {what} those of the donor and tuning facts, but {none_set_apart}"
            " covariance.protected_subjects.source: list"
        )
    if row.get("taught") and examples and not (blocks["donor"] or blocks["tuning"]):
        yield (
            f"{place}.taught: values.taught.examples ({examples}) are donor or tuning facts, but"
            f" {none_set_apart} values.taught.examples: 0"
        )
