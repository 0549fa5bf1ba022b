"""The files a config names: there, readable, with the recorded checksums, large enough."""

from collections import Counter
from collections.abc import Iterator
from os.path import isfile
from pathlib import Path

import polars as pl

from memat import io
from memat.checksum import carries_checksum
from memat.edit.protected_subjects import LIST_KEY, read_subject_list
from memat.errors import ConfigError, FactError, ModelError, NotEnoughFacts
from memat.model.spec import ModelSpec
from memat.study.plan import experiment_rows
from memat.study.rows import all_languages
from memat.study.translation import file_of
from memat.suggest import shown
from memat.text.blocks import TUNING_SPLIT
from memat.text.contradictions import CONTRADICTS, REPEATS, edited_by_others, examples
from memat.text.facts import FACT_SCHEMA, choose_facts, read_ids
from memat.text.languages import load_language
from memat.text.prompts import list_prompts
from memat.text.reader import formats_like, load_reader, notices, own_settings
from memat.text.rejections import FACT, Rejection
from memat.text.reviewed import read_corrections
from memat.text.two_record import read_two_record

# hashing takes about a second per GB; larger models are compared by size here and
# hashed when they are prepared
HASHED_BYTES = 2_000_000_000


def require_file(key: str, path: str | None) -> None:
    """Raise ConfigError(key) if `path` is given and no file."""
    # Path.is_file raises for names that are too long
    if path is not None and not isfile(path):
        raise ConfigError(f"{key}: no such file: {shown(path)}")


def check_subject_list(config: dict) -> None:
    """Read a user's list of subjects to protect, if there is one. Raises ConfigError(file, line)."""
    section = config["covariance"]["protected_subjects"]
    if section["source"] == "list":
        require_file(LIST_KEY, section["path"])
        read_subject_list(section["path"], all_languages(config))


def check_prepared_model(spec: ModelSpec) -> None:
    """Compare model files with their recorded checksums. Raises ModelError(file).

    A local model is compared with the checksums of its spec, if it lists any; others,
    once prepared, with their manifest.
    """
    if spec.kind == "local":
        for name, checksum in spec.content.get("files", {}).items():
            _check_hash(Path(spec.content["path"]) / name, checksum, str(spec.path))
        return
    # one without a checksum is of an earlier version of this workflow: it is prepared again
    if not spec.manifest.is_file() or not carries_checksum(spec.manifest):
        return
    recorded = io.read_json(spec.manifest)["files"]
    for name, facts in recorded.items():
        file = spec.manifest.parent / name
        _require_model_file(file, str(spec.manifest))
        if file.stat().st_size != facts["bytes"]:
            raise ModelError(
                f"{file}: has {file.stat().st_size} bytes, {facts['bytes']} are recorded;"
                f" delete {spec.manifest} and run again"
            )
    if sum(facts["bytes"] for facts in recorded.values()) <= HASHED_BYTES:
        for name, facts in recorded.items():
            _check_hash(spec.manifest.parent / name, facts["sha256"], str(spec.manifest))


def _check_hash(file: Path, expected: str, source: str) -> None:
    _require_model_file(file, source)
    found = io.sha256_of(file)
    if found != expected:
        raise ModelError(f"{file}: SHA-256 is {found}, but {source} records {expected}")


def _require_model_file(file: Path, source: str) -> None:
    if not isfile(file):
        raise ModelError(f"{file}: is missing; {source} lists it")


def check_facts(config: dict) -> list[str]:
    """Read the facts file and count its facts against the blocks; read a person's corrections.

    Returns sentences on what a user should know before a run. Facts given by url are read
    by their own stage, after the download.
    Raises FactError(file, record), NotEnoughFacts, ConfigError(facts.sha256),
    CorrectionsFileError(file, lines).
    """
    facts = config["facts"]
    if facts["path"] is None:
        return []
    if facts["sha256"] and (found := io.sha256_of(facts["path"])) != facts["sha256"]:
        raise ConfigError(
            f"facts.sha256: {facts['path']} has SHA-256 {found}, expected {facts['sha256']}"
        )
    if facts["reference"]:
        for code in config["languages"]["targets"]:
            read_two_record(file_of(facts["reference"], code))
    rows, rejections = _read(config)
    frame = pl.DataFrame(rows, schema={**FACT_SCHEMA, "position": pl.Int64})
    if config["repair"]["corrections"] and not facts["bilingual"]:
        prompts = list_prompts(frame, config["languages"]["source"])
        for code in config["languages"]["targets"]:
            read_corrections(file_of(config["repair"]["corrections"], code), prompts)
    _require_enough(config, frame["split"], rejections)
    _require_true_targets(config, frame)
    return list(_notices(facts, frame, rejections))


def _read(config: dict) -> tuple[list[dict], list[Rejection]]:
    """The facts in the source language; of a bilingual file the other languages are read too."""
    facts, languages = config["facts"], config["languages"]
    source, *targets = (
        Path(f"resources/languages/{code}.yaml")
        for code in (languages["source"], *languages["targets"])
    )
    keys = ("keep_ids", "tuning_ids", "contradictions")
    try:
        read = choose_facts(
            *(facts[key] for key in ("path", "format")),
            own_settings(facts, source),
            **{key: facts[key] for key in keys},
        )
        # after the source language, whose faults are told first
        for file in targets if facts["bilingual"] else ():
            own = own_settings(facts, file)
            load_reader(facts["format"]).read_language(facts["path"], own, load_language(file))
    except FactError as error:
        like = formats_like(facts["path"])
        if facts["format"] in like or not like:
            raise
        raise FactError(
            f"{error}; the file looks like one of facts.format: {' or '.join(like)}"
        ) from error
    return read


def _require_enough(config: dict, splits: pl.Series, rejections: list[Rejection]) -> None:
    facts, blocks = config["facts"], config["blocks"]
    available = (splits == blocks["split"]).sum()
    # the tuning set is of the tuning split, or as in `assign_blocks` of what no block holds
    own_split = blocks["split"] != TUNING_SPLIT and (splits == TUNING_SPLIT).any()
    tuning = 0 if own_split else blocks["tuning"]
    # without a size the block holds what is left of the others, at least one fact
    size = 1 if blocks["size"] is None else blocks["size"]
    if size * blocks["count"] + blocks["donor"] + tuning > available:
        more = {"blocks.donor": blocks["donor"], "blocks.tuning": tuning}
        besides = "".join(f" and {key} {number}" for key, number in more.items() if number)
        reasons = Counter(r.reason for r in rejections if r.prompt_type == FACT)
        counts = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        raise NotEnoughFacts(
            f"blocks.size: {blocks['count']} x {size} facts{besides} are asked for, but"
            f" {facts['path']} has {available} in the split '{blocks['split']}'"
            f"{f'; records that are not used: {counts}' if counts else ''}"
        )


def _require_true_targets(config: dict, read: pl.DataFrame) -> None:
    """Raise ConfigError if heads are asked for and no fact has the two targets they tell apart."""
    used = read.filter(split=config["blocks"]["split"])
    asking = [row for row in experiment_rows(config) if row.get("heads")]
    if asking and used["target_true"].null_count() == used.height:
        facts = config["facts"]
        unread = list(notices(facts["path"], facts["format"], bool(facts["bilingual"])))
        raise ConfigError(
            f"experiments ({asking[0].get('name', asking[0]['method'])}).heads: heads are ranked by how well they tell a true target"
            f" from a new one, but no fact of {facts['path']} has a true target; give true targets, or"
            f" list experiments without heads{f' ({examples(unread)})' if unread else ''}"
        )


def _notices(source: dict, facts: pl.DataFrame, rejections: list[Rejection]) -> Iterator[str]:
    """What is dropped or left out that a user may not expect, with examples; source: the section."""
    path, keep = source["path"], source["keep_ids"]
    if keep:
        asked, found = read_ids(keep), {*facts["case_id"], *(r.case_id for r in rejections)}
        if lost := sorted(asked - found):
            yield (
                f"{keep}: {len(lost)} of its {len(asked)} case ids are in no record of {path}:"
                f" {examples(lost)}"
            )
    for reason, what in (
        (CONTRADICTS, "contradict an earlier one"),
        (REPEATS, "repeat an earlier one"),
    ):
        found = [f"case_id {r.case_id}: {r.detail}" for r in rejections if r.reason == reason]
        if found:
            yield f"{path}: {len(found)} facts are dropped, as they {what}: {examples(found)}"
    others_read = bool(source["bilingual"] or source["reference"])
    if found := list(notices(path, source["format"], others_read)):
        yield examples(found)
    if unknown := facts["target_true"].null_count():
        yield (
            f"{path}: {unknown} of {facts.height} facts have no true target: success and magnitude"
            " are not measured on them, and probes are trained without them"
        )
    if found := edited_by_others(facts):
        yield (
            f"{path}: {len(found)} neighbour prompts are no longer true where other facts are"
            f" edited: {examples(found)}. They are left out where both facts are in one set"
            " (dataset/edited_neighbours.csv)"
        )
