"""The config files of the tree: complete over the defaults, nothing said twice."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from memat.study.config import CUT_BY_FACTS, completed, config_faults
from workflow.config_keys import leaf_keys
from workflow.project import DEFAULTS, REPOSITORY, Project, merged_config

STUDIES = ("configs/paper.yaml", "configs/sequences.yaml")
CONFIGS = sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("configs/*.yaml"))
OVERLAYS = [path for path in CONFIGS if path not in STUDIES]


def value_of(config: dict, key: str) -> object:
    """The value of a dotted key; `...` where the last part is not there."""
    for part in key.split("."):
        config = config.get(part, ...)
    return config


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_config_is_without_fault(name):
    assert list(config_faults(merged_config(name))) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_holds_only_what_differs(name):
    overlay = yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))
    defaults = merged_config()
    assert [k for k in leaf_keys(overlay) if value_of(overlay, k) == value_of(defaults, k)] == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_config_says_which_facts_it_uses(name):
    facts = merged_config(name)["facts"]
    assert [facts["path"], facts["url"]].count(None) == 1


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_a_call_without_a_configfile_is_the_demo(name):
    path = REPOSITORY / "profiles" / name / "config.yaml"
    named = yaml.safe_load(path.read_text(encoding="utf-8"))["configfile"]
    assert Path(path.parent, named).resolve() == REPOSITORY / "configs" / "demo.yaml"


def test_the_defaults_alone_are_refused_and_say_where_to_begin(unstarted):
    outcome = unstarted.snakemake("--configfile", DEFAULTS)
    assert outcome.code == 1
    assert "facts: no facts are named; give facts.path" in outcome.text
    assert "configs/own.yaml is an example to copy" in outcome.text
    assert not (unstarted.folder / "results").exists()


def test_stages_of_a_block_without_a_size_are_not_cut():
    cut = {
        name: completed(merged_config(name)) for name in ("configs/demo.yaml", "configs/own.yaml")
    }
    sizes = {name: [c[key]["shard_size"] for key in CUT_BY_FACTS] for name, c in cut.items()}
    assert sizes == {"configs/demo.yaml": [50, 500, 50], "configs/own.yaml": [None] * 3}


# the example, with translations that are given and the untrained model
OWN = {
    "model__name": "tiny-llama",
    "translate__engine": "table",
    "translate__table__path": "examples/translations.csv",
    "align__layer": 0,
    "edit__layers": [1, 2],
    "corrections__k": 3,
    "study__axes": {"heads": [2]},
}


def test_the_example_to_copy_makes_its_dataset_and_plans_its_table(tmp_path):
    project = Project.tiny(tmp_path)
    config = project.config("configs/own.yaml", **OWN)
    outcome = project.in_processes("--configfile", config, "--", "dataset")
    assert outcome.code == 0, outcome.text
    dataset = project.folder / "results-own" / "dataset"
    kept = pl.read_parquet(dataset / "blocks.parquet")
    lost = pl.read_csv(dataset / "lost.csv").filter(what="fact")
    assert set(kept["block"]) == {"0"}
    assert kept.height + lost.height == 30
    outcome = project.snakemake("--configfile", config, "--dry-run")
    assert outcome.code == 0, outcome.text
    expected = {"optimise_values": 1, "solve_deltas": 1, "score": 2}
    assert outcome.jobs.items() >= expected.items()
    assert "fit_corrections" not in outcome.jobs
    # the rows that are comments in the file, with their # taken away
    text = (REPOSITORY / "configs/own.yaml").read_text(encoding="utf-8")
    rows = yaml.safe_load(text.replace("# - {name: mem", "- {name: mem"))["experiments"]
    longer = project.config("configs/own.yaml", **OWN, experiments=rows)
    outcome = project.snakemake("--configfile", longer, "--dry-run")
    assert outcome.code == 0, outcome.text
    more = {"optimise_values": 2, "solve_deltas": 2, "fit_corrections": 1, "score": 4}
    assert outcome.jobs.items() >= more.items()


def test_what_the_released_code_does_otherwise_is_one_key_for_all_its_stages():
    facts = {"facts": {"path": "facts.json"}}
    equations = completed(facts)
    released = completed(facts | {"reproduce": "released_code"})
    changed = {
        f"{section}.{key}"
        for section, values in equations.items()
        if isinstance(values, dict)
        for key, value in values.items()
        if released[section][key] != value
    }
    assert changed == {
        "deltas.residual",
        "corrections.kl_reference",
        "corrections.correction_norm",
        "corrections.heads_per_layer",
        "summary.target_pairing",
    }
