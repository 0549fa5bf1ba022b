"""Bad input is refused before any stage runs, naming the place and what is allowed."""

import json
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from memat.check import check_config
from memat.errors import (
    ConfigError,
    CorrectionsFileError,
    DamagedFile,
    FactError,
    LanguageError,
    MematError,
    ModelError,
    NotEnoughFacts,
    UnsupportedArchitecture,
)
from memat.io import write_json
from memat.provenance import Provenance
from workflow.config_keys import write_other_inputs
from workflow.project import Project, merged_config

FACTS = Path("resources/cache/tiny/facts.json")
SPEC = Path("resources/models/tiny-llama.yaml")
MODEL = Path("resources/cache/tiny/tiny-llama")
# blocks of a run whose one block holds what is left
ALL = {"split": "report", "subset": "all", "size": None, "count": 1, "donor": 0, "tuning": 0}


@pytest.fixture
def project(tmp_path, unstarted, monkeypatch) -> Project:
    """An own copy of the tiny world, as working directory."""
    for part in ("resources", "configs"):
        shutil.copytree(unstarted.folder / part, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


@pytest.fixture
def config() -> dict:
    return merged_config("configs/tiny.yaml")


def changed(config: dict, path: str, value: object) -> dict:
    """A copy with one entry set; `value` is left out where it is `...`."""
    config = deepcopy(config)
    *sections, last = path.split(".")
    place = config
    for section in sections:
        place = place[int(section) if section.isdecimal() else section]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdecimal() else last] = value
    return config


def refusal(config: dict, kind: type[MematError] = ConfigError) -> str:
    with pytest.raises(kind) as caught:
        check_config(config)
    return str(caught.value)


def test_the_tiny_config_is_accepted(project, config):
    check_config(config)


def test_a_key_left_out_has_its_default(project, config):
    check_config(changed(config, "values.steps", ...))
    check_config(changed(config, "translate.apertium", ...))


def test_one_block_of_all_facts_and_the_default_experiments_are_accepted(project, config):
    check_config(config | {"blocks": ALL, "experiments": None})


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("valuess", {}, ["valuess: unknown key", "did you mean 'values'?"]),
        ("values.step", 3, ["values.step: unknown key", "did you mean 'steps'?"]),
        ("values.steps", "3", ["values.steps: must be a whole number, found '3' (a text)"]),
        ("values.steps", True, ["values.steps: must be a whole number", "true or false"]),
        ("values.steps", 0, ["values.steps: must be at least 1, found 0"]),
        ("values.steps", 3.0, ["values.steps: must be a whole number, found 3.0 (a number)"]),
        ("values.clamp", float("nan"), ["values.clamp: must be a number, found nan"]),
        ("values.clamp", 10**400, ["values.clamp: must be a number, found 1000", "too large"]),
        ("seed", 2**40, ["seed: must be at most 4294967295"]),
        ("model.name", "tiny-llama\n", ["model.name: must be a text", "control character"]),
        ("facts.path", "a\ud800", ["facts.path: must be", "'a\\ud800'"]),
        ("facts.keep_ids", "x" * 5000, ["facts.keep_ids: no such file"]),
        ("values.learning_rate", 0, ["values.learning_rate: must be above 0"]),
        ("values.learning_rate", None, ["values.learning_rate: must be a number, found null"]),
        ("values", [], ["values: must be a section, found a list"]),
        ("experiments", [], ["experiments: must not be empty"]),
        ("facts.sha256", "abc", ["facts.sha256: 'abc' has not the expected form"]),
        ("compute.device", "gpu", ["compute.device: 'gpu' has not the expected form", "cuda"]),
        ("translate.engine", "apertum", ["translate.engine: 'apertum'", "mean 'apertium'?"]),
        ("translate.engine", "google", ["allowed: apertium, ctranslate2, table, transformers"]),
        (
            "languages.targets",
            ["cat"],
            ["languages.targets[0]: 'cat'", "allowed: ca", "mean 'ca'?"],
        ),
        ("languages.targets", ["en"], ["languages.targets: must differ from languages.source"]),
        (
            "review.surprisal",
            ["en"],
            ["review.surprisal: 'en'", "allowed: ca", "languages.targets"],
        ),
        ("experiments.1.method", "memitt", ["experiments[1].method", "did you mean 'memit'?"]),
        ("experiments.1.train", "es", ["experiments[1] (memit_ca).train: 'es'", "allowed: en, ca"]),
        ("experiments.2.select", "best", ["experiments[2].select", "allowed: located, random"]),
        ("experiments.1.train", ..., ["experiments[1] (memit_ca).train: missing", "en, ca"]),
        ("experiments.2.heads", ..., ["experiments[2] (memat_ca_en).heads: missing"]),
        ("experiments.0.train", "ca", ["experiments[0] (unedited).train", "takes no such key"]),
        ("experiments.1.heads", "ca", ["method memit takes no such key"]),
        ("experiments.2.name", "memit_ca", ["experiments[2]", "already used by experiments[1]"]),
        ("experiments.2.name", "a b", ["experiments[2].name: 'a b'"]),
        ("experiments.2.kk", 3, ["experiments[2].kk: unknown key", "did you mean 'k'?"]),
        (
            "study.axes",
            {"heads": [99]},
            ["figure9 (memat_en_en_k99).k: 99 is out of range", "16 heads", "study.axes replaces"],
        ),
        ("experiments.1.train", "bth", ["(memit_ca).train", "allowed: en, ca"]),
        (
            "experiments.1.solver",
            "alfa",
            ["experiments[1].solver", "allowed: alphaedit, emmet, memit, pmet"],
        ),
        ("experiments.2.alpha", 2, ["(memat_ca_en).alpha: method memat takes no such key"]),
        ("corrections.contexts", 3, ["corrections.contexts: at most templates.count (2), found 3"]),
        (
            "scores.shard_size",
            4,
            ["scores.shard_size: must be a multiple of compute.batch_facts (3), found 4"],
        ),
        ("covariance.shard_tokens", 100, ["shard_tokens", "at least", "(128), found 100"]),
        ("reproduce", "released", ["reproduce:", "allowed: equations, released_code"]),
        ("experiment", "memat_ca_e", ["experiment: 'memat_ca_e'", "did you mean 'memat_ca_en'?"]),
        ("edit.layers", [2, 4], ["edit.layers: 4 is out of range", "layers 0 to 3"]),
        ("edit.layers", [-1], ["edit.layers[0]: must be at least 0"]),
        ("edit.layers", [2, 1], ["edit.layers: must be ascending without repeats"]),
        ("edit.layers", [], ["edit.layers: must not be empty"]),
        ("edit.layers", [1, 3], ["edit.layers: 3 is the last layer of tiny-llama"]),
        ("align.model", "someone/bert", ["align.revision: missing", "commit id"]),
        ("align.layer", 5, ["align.layer: 5 is out of range", "hidden layers 0 to 4"]),
        ("corrections.k", 17, ["corrections.k: 17 is out of range", "16 heads", "4 layers of 4"]),
        ("experiments.3.k", 99, ["experiments[3] (random_ca_en).k: 99 is out of range"]),
        ("blocks.size", 15, ["blocks.size: 1 x 15 facts", "has 18 in the split 'report'"]),
        ("blocks.donor", 7, ["1 x 12 facts and blocks.donor 7", "has 18 in the split 'report'"]),
        ("blocks.count", 2, ["blocks.size: 2 x 12 facts"]),
        ("blocks.split", "tuning", ["has 4 in the split 'tuning'"]),
        ("export.block", 1, ["export.block: 1 does not exist"]),
        ("blocks", ALL | {"count": 2}, ["blocks.size: null", "a number for blocks.count: 2"]),
        ("blocks", ALL | {"donor": 18}, ["1 x 1 facts and blocks.donor 18", "has 18 in the split"]),
        ("facts.path", None, ["facts: no facts are named", "facts.url", "configs/own.yaml"]),
        ("facts.url", "https://a.org/b", ["facts: both path and url are given"]),
        ("facts.path", "no.json", ["facts.path: no such file: no.json"]),
        ("facts.tuning_ids", "no.txt", ["facts.tuning_ids: no such file"]),
        ("facts.sha256", "0" * 64, ["facts.sha256", "expected 0000"]),
        ("translate.table.path", None, ["translate.table.path: missing"]),
        ("translate.engine", "ctranslate2", ["translate.ctranslate2.model: missing"]),
        ("translate.table.path", "no.csv", ["translate.table.path: no such file"]),
        ("repair.corrections", "no.csv", ["repair.corrections: no such file"]),
        ("covariance.source", "text", ["covariance.path: missing"]),
        ("probes.train", 0.9, ["probes: train (0.9) and validation (0.2)"]),
        ("overlap.different", 1.0, ["overlap.different: must be below overlap.same"]),
    ],
)
def test_config_faults_name_key_and_what_is_allowed(project, config, path, value, parts):
    text = refusal(changed(config, path, value), MematError)
    for part in parts:
        assert part in text


def test_faulty_corrections_are_refused_with_their_lines_before_any_stage(project, config):
    Path("mine.csv").write_text(
        "case_id;role;prompt_type;index;prompt;target\n99999;target_new;rewrite;0;{} és;x\n"
        "0;target_new;rewrite;0;és;x\n",
        encoding="utf-8-sig",
    )
    text = refusal(changed(config, "repair.corrections", "mine.csv"), CorrectionsFileError)
    assert "mine.csv: 2 faults" in text
    assert "line 2: case_id 99999 is not among the facts" in text
    assert "line 3: prompt must have exactly one '{}', found 0" in text


def two_records(config, change=lambda records: None):
    """The config of a file that holds both languages, changed."""
    write_other_inputs(FACTS.parent)
    path = FACTS.with_name("two_record.json")
    records = json.loads(path.read_text(encoding="utf-8"))
    change(records)
    path.write_text(json.dumps(records), encoding="utf-8")
    return changed(changed(config, "facts.path", str(path)), "facts.bilingual", True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda records: records[3].pop("requested_rewrite"), "requested_rewrite: must be"),
        (lambda records: records[3].pop("eval_target_new"), "eval_target_new: missing; it holds"),
        (lambda records: records[3].pop("eval_target_true"), "eval_target_true: missing"),
    ],
)
def test_a_record_without_one_of_its_languages_is_named(project, config, change, problem):
    text = refusal(two_records(config, change), FactError)
    assert f"record 4 (case_id 3): {problem}" in text


def test_a_second_language_is_not_passed_over_in_silence(project, config):
    both = two_records(config)
    told = "give a second language (eval_target_new), which only facts.bilingual: true reads"
    assert not [line for line in check_config(both) if told in line]
    read_alone = check_config(changed(both, "facts.bilingual", False))
    assert [told in line for line in read_alone].count(True) == 1
    Path("mine.csv").touch()
    text = refusal(changed(both, "repair.corrections", "mine.csv"))
    assert "repair.corrections: facts.bilingual: true translates nothing" in text


def test_all_faults_of_a_kind_are_listed_together(project, config):
    config = changed(changed(config, "values.step", 3), "probes.cc", 1)
    text = refusal(config)
    assert "2 faults" in text
    assert "values.step:" in text
    assert "probes.cc:" in text


def rewritten(change) -> None:
    records = json.loads(FACTS.read_text(encoding="utf-8"))
    change(records)
    FACTS.write_text(json.dumps(records), encoding="utf-8")


def set_prompt(text):
    return lambda records: records[3]["requested_rewrite"].update(prompt=text)


def set_target(role, text):
    return lambda records: records[3]["requested_rewrite"].update({role: {"str": text}})


def same_targets(records):
    rewrite = records[3]["requested_rewrite"]
    rewrite["target_new"] = rewrite["target_true"]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            set_prompt("Tornik is in"),
            ["record 4 (case_id 3)", "prompt", "exactly one '{}', found 0"],
        ),
        (set_prompt("{} and {} are in"), ["record 4", "exactly one '{}', found 2"]),
        (lambda records: records[3].update(case_id=1), ["record 4", "already used by record 2"]),
        (set_target("target_new", ""), ["record 4", "target_new", "must not be empty"]),
        (set_target("target_true", 5), ["record 4", "target_true", "must be a text"]),
        (same_targets, ["record 4", "target_new and target_true are equal"]),
        (lambda records: records[3].pop("requested_rewrite"), ["record 4", "requested_rewrite"]),
        (lambda records: records.clear(), ["holds no record"]),
    ],
)
def test_record_faults_name_the_record(project, config, change, parts):
    rewritten(change)
    text = refusal(config, FactError)
    for part in [str(FACTS), *parts]:
        assert part in text


def test_truncated_json_names_the_line(project, config):
    FACTS.write_bytes(FACTS.read_bytes()[:500])
    assert "not complete JSON (line" in refusal(config, FactError)


def test_other_encodings_are_refused(project, config):
    FACTS.write_bytes(FACTS.read_text(encoding="utf-8").replace("Oslo", "Màlaga").encode("latin-1"))
    assert "not UTF-8 text (byte" in refusal(config, FactError)


def test_unknown_model_lists_the_known_ones(project, config):
    text = refusal(changed(config, "model.name", "tiny-lama"), ModelError)
    assert "model.name: 'tiny-lama'" in text
    assert "did you mean 'tiny-llama'?" in text


def test_missing_local_model(project, config):
    shutil.rmtree(MODEL)
    assert f"{MODEL}/config.json does not exist" in refusal(config, ModelError)


def test_checksum_of_a_local_model(project, config):
    content = yaml.safe_load(SPEC.read_text()) | {"files": {"model.safetensors": "0" * 64}}
    SPEC.write_text(yaml.safe_dump(content))
    text = refusal(config, ModelError)
    assert "model.safetensors: SHA-256 is" in text
    assert str(SPEC) in text


@pytest.mark.parametrize("damage", ["missing", "shorter", "altered"])
def test_prepared_model_is_compared_with_its_manifest(project, config, damage):
    folder = Path("resources/models/smollm2-135m-instruct")
    folder.mkdir()
    weights = folder / "model.safetensors"
    weights.write_bytes(b"abcd")
    digest = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
    files = {"model.safetensors": {"bytes": 4, "sha256": digest}}
    made = Provenance("prepare_model", {}, "tag")
    write_json(folder / "manifest.json", {"folder": ".", "files": files}, made)
    config = changed(config, "model.name", folder.name)
    check_config(config)
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(b"abc" if damage == "shorter" else b"abce")
    text = refusal(config, ModelError)
    assert str(weights) in text
    assert "manifest.json" in text
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"bytes": 4', '"bytes": 5'))
    assert str(manifest) in refusal(config, DamagedFile)


@pytest.mark.parametrize(
    ("model_type", "part"),
    [("opt", "normalises the residual stream"), ("mamba", "no architecture map; known: ")],
)
def test_unsupported_architectures_are_refused_by_name(project, config, model_type, part):
    path = MODEL / "config.json"
    changed = {"model_type": model_type, "do_layer_norm_before": False}
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    text = refusal(config, UnsupportedArchitecture)
    assert f"{path}: " in text
    assert f"'{model_type}'" in text
    assert part in text


HUB = "kind: hub\nrepo: a/b\narchitecture: {model_type: llama}\n"
WHEEL = """kind: wheel
file: a
file_sha256: b
architecture: {model_type: llama}
wheels:
  - package: p
    version: "1"
    sha256: c
    part: a
"""


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("align.revision", {"align.model": "someone/bert"}),
        ("covariance.revision", {"covariance.source": "hub", "covariance.path": "a/b"}),
        (
            "translate.ctranslate2.revision",
            {"translate.engine": "ctranslate2", "translate.ctranslate2": {"model": "a/b"}},
        ),
    ],
)
def test_what_pins_a_hub_repository_is_a_commit_id(project, config, key, settings):
    """Branches move; the beginning of a commit id is accepted and named."""
    for place, value in settings.items():
        config = changed(config, place, value)
    assert f"{key}: must be a commit id, 40 digits" in refusal(changed(config, key, "main"))
    notice = f"{key}: 16f001d is the beginning of a commit id"
    told = check_config(changed(config, key, "16f001d"))
    assert [line.startswith(notice) for line in told].count(True) == 1
    told = check_config(changed(config, key, "0" * 40))
    assert not [line for line in told if "commit id" in line]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("kind: gguf\n", "kind: 'gguf' is unknown; allowed: hub, local, wheel"),
        (
            "kind: wheel\nwheels: []\nfile: a\nfile_sha256: b\narchitecture: {a: b}\n",
            "wheels: must be a list, found []",
        ),
        (WHEEL.replace("part: a\n", ""), "wheels[0].part: missing; a wheel needs it"),
        (WHEEL.replace("part: a\n", "part: a\n    prat: b\n"), "wheels[0]: unknown key; 'prat'"),
        ("kind: local\n", "path: missing; a spec of kind local needs it"),
        ("kind: local\npath: x\nrevison: y\n", "unknown key; 'revison' is unknown"),
        ("- kind\n", "must be a mapping"),
        ("kind: [\n", "not readable YAML"),
        ("kind: 2020-13-45\n", "not readable YAML (month must be in 1..12)"),
        ("kind: [local]\n", "kind: \"['local']\" is unknown"),
        ("kind: local\npath: 7\n", "path: must be a text, found 7"),
        (
            HUB,
            "revision: missing; a commit id of 40 digits, from https://huggingface.co/a/b/commits",
        ),
        (HUB + "revision: main\n", "revision: must be a commit id, 40 digits of 0-9 and a-f"),
        (HUB + "revision: 16f001\n", "found 16f001; branches and tags move"),
    ],
)
def test_faults_of_a_model_spec_name_the_file(project, config, content, part):
    SPEC.write_text(content)
    text = refusal(config, ModelError)
    assert str(SPEC) in text
    assert part in text


def test_a_tuning_set_of_no_split_of_its_own_is_counted_with_the_blocks(project, config):
    config["facts"]["tuning_ids"] = None  # all 22 facts are in the split of the blocks
    config["blocks"]["tuning"] = 6
    text = refusal(config, NotEnoughFacts)
    assert "1 x 12 facts and blocks.donor 5 and blocks.tuning 6 are asked for" in text
    assert "has 22 in the split 'report'" in text
    config["blocks"]["tuning"] = 5
    check_config(config)


def test_a_language_file_is_read_before_any_stage_runs(project, config):
    path = Path("resources/languages/ca.yaml")
    path.write_text(path.read_text(encoding="utf-8") + "openings: []\n", encoding="utf-8")
    assert f"{path}: unknown key 'openings'" in refusal(config, LanguageError)


def test_recycled_corrections_need_other_facts(project, config):
    config["blocks"]["donor"] = 0
    config["experiments"][2]["recycled"] = True
    text = refusal(config)
    assert "(memat_ca_en).recycled" in text
    assert "blocks.donor above 0" in text


def test_values_of_both_languages_together_are_not_for_pmet(project, config):
    config["experiments"][1] |= {"train": ["en", "ca"], "combine": "joint", "solver": "pmet"}
    part = "(memit_ca).combine: joint is for the solvers alphaedit, emmet, memit, not pmet"
    assert part in refusal(config)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"values__steps": 0}, "values.steps: must be at least 1, found 0"),
        ({"model__name": "tiny-lama"}, "did you mean 'tiny-llama'?"),
        ({"blocks__size": 99}, "blocks.size: 1 x 99 facts"),
    ],
)
def test_workflow_prints_the_message_and_stops(unstarted, changes, part):
    outcome = unstarted.snakemake("--configfile", unstarted.config(**changes))
    assert outcome.code == 1
    assert not outcome.jobs, "none is planned"
    assert part in outcome.text
    assert "Traceback" not in outcome.text
    assert not (unstarted.folder / "results-tiny").exists()


def test_export_of_an_adapter_goes_to_a_folder_of_its_own(unstarted):
    config = unstarted.config(export__adapter=True)
    wanted = ("export", "--configfile", config, "--config", "experiment=memit_ca")
    outcome = unstarted.snakemake("--dry-run", *wanted)
    assert outcome.code == 0, outcome.text
    assert "export/memit_ca.adapter/manifest.json" in outcome.text
    assert "rule export_model" not in outcome.text


def test_export_of_nothing_names_the_experiments(unstarted):
    outcome = unstarted.snakemake("export", "--configfile", "configs/tiny.yaml")
    assert outcome.code == 1
    assert "--config experiment=<name>, one of: unedited, memit_ca" in outcome.text
