"""Experiments that need the same work share it; sizes decide how it is cut."""

import pytest

from memat.errors import ConfigError
from memat.plan import Correction, Edit, Heads, plan_experiments
from workflow.project import merged_config


@pytest.fixture
def config():
    return merged_config("configs/demo.yaml")


def test_demo_needs_two_edits_four_probed_heads_six_corrections(config):
    plan = plan_experiments(config)
    assert [edit.id for edit in plan.edits] == ["memit-en", "memit-ca"]
    assert len(plan.heads) == 4
    assert [correction.id for correction in plan.corrections] == [
        "memit-en_en_located-16",
        "memit-en_ca_located-16",
        "memit-ca_ca_located-16",
        "memit-ca_en_located-16",
        "memit-en_en_random-16",
        "memit-ca_ca_random-16",
    ]
    assert len({experiment.model for experiment in plan.experiments}) == len(config["experiments"])


def test_equal_work_is_shared(config):
    row = {"method": "memat", "train": "ca", "heads": "en"}
    config["experiments"] = [
        {"name": "one", **row},
        {"name": "two", **row, "select": "located", "k": config["corrections"]["k"]},
        {"name": "base", "method": "memit", "train": "ca"},
    ]
    plan = plan_experiments(config)
    assert plan.edits == (Edit("memit", "ca"),)
    assert plan.corrections == (Correction(Heads(Edit("memit", "ca"), "en"), "located", 16),)
    assert plan.experiment("one").corrections == plan.experiment("two").corrections


def test_both_languages_need_the_values_of_each(config):
    config["experiments"] = [
        {"name": "sum", "method": "memit", "train": "both"},
        {"name": "alpha", "method": "memit", "train": "ca", "solver": "alphaedit"},
    ]
    plan = plan_experiments(config)
    assert [edit.id for edit in plan.edits] == ["memit-both", "alphaedit-ca"]
    assert plan.values == (Edit("memit", "en"), Edit("memit", "ca"))
    config["experiments"] = config["experiments"][1:]
    assert plan_experiments(config).values == (Edit("memit", "ca"),)


def test_a_joint_edit_has_its_own_values_of_both_languages(config):
    config["experiments"] = [{"name": "joint", "method": "memit", "train": "joint"}]
    (edit,) = plan_experiments(config).values
    assert edit.id == "memit-joint"
    assert edit.sentences(("en", "ca")) == ("en", "ca")


def test_recycled_corrections_come_from_other_facts(config):
    row = {"name": "r", "method": "memat", "train": "ca", "heads": "ca", "recycled": True}
    config["experiments"] = [row]
    config["blocks"] |= {"donor": 50, "count": 1}
    plan = plan_experiments(config)
    (experiment,) = plan.experiments
    assert plan.corrected_with(experiment, "0") == "donor"
    assert plan.corrected_with(experiment, "0-first-10") == "donor"
    assert not plan.heads  # of the reported blocks none is probed
    config["blocks"] |= {"donor": 0, "count": 3}
    plan = plan_experiments(config)
    assert [plan.corrected_with(experiment, block) for block in plan.blocks] == ["1", "2", "0"]


def test_names_of_experiments_do_not_change_what_is_scored(config):
    row = {"method": "memat", "train": "ca", "heads": "en"}
    config["experiments"] = [{"name": "one", **row}, {"name": "two", **row}]
    models = [experiment.model for experiment in plan_experiments(config).experiments]
    assert models == ["memit-ca_en_located-16"] * 2
    config["experiments"][1]["recycled"] = True
    recycled = plan_experiments(config).experiment("two")
    assert recycled.model == "memit-ca_en_located-16_recycled"


def test_own_k_is_another_correction_on_the_same_heads(config):
    row = {"method": "memat", "train": "ca", "heads": "en"}
    config["experiments"] = [{"name": f"k{k}", **row, "k": k} for k in (8, 32)]
    plan = plan_experiments(config)
    assert [correction.k for correction in plan.corrections] == [8, 32]
    assert len(plan.heads) == 1


@pytest.mark.parametrize(
    ("size", "shard_size", "shards"), [(100, 25, 4), (101, 25, 5), (10, 25, 1), (25, 25, 1)]
)
def test_shards_cover_the_block(config, size, shard_size, shards):
    config["blocks"]["size"] = size
    assert list(plan_experiments(config).shards("0", shard_size)) == list(range(shards))


def test_a_block_without_a_planned_size_is_one_shard(config):
    config["blocks"]["size"] = None
    assert list(plan_experiments(config).shards("0", 1)) == [0]


@pytest.mark.parametrize("target", ["ca", "es"])
def test_the_default_experiments_edit_and_correct_each_language(config, target):
    config |= {"languages": {"source": "en", "targets": [target]}, "experiments": None}
    assert [(e.name, e.method) for e in plan_experiments(config).experiments] == [
        ("unedited", "unedited"),
        ("memit_en", "memit"),
        (f"memit_{target}", "memit"),
        ("memat_en_en", "memat"),
        (f"memat_{target}_{target}", "memat"),
    ]


def test_a_nested_set_uses_the_first_shards_of_its_block(config):
    config["blocks"]["size"] = 100
    plan = plan_experiments(config)
    assert list(plan.shards("0-first-30", 25)) == [0, 1]
    assert list(plan.shards("tuning", 25)) == list(range(-(-config["blocks"]["tuning"] // 25)))


def test_rows_are_plain_and_complete(config):
    rows = {row["name"]: row for row in plan_experiments(config).rows()}
    assert rows["unedited"] == {
        "name": "unedited",
        "method": "unedited",
        "solver": None,
        "train": None,
        "heads": None,
        "select": None,
        "k": None,
        "alpha": None,
        "recycled": False,
    }
    assert rows["random_ca_ca"] == {
        "name": "random_ca_ca",
        "method": "memat",
        "solver": "memit",
        "train": "ca",
        "heads": "ca",
        "select": "random",
        "k": 16,
        "alpha": None,
        "recycled": False,
    }


def test_unknown_experiment_is_named_with_a_suggestion(config):
    with pytest.raises(ConfigError, match="did you mean 'memit_ca'"):
        plan_experiments(config).experiment("memit_cat")
