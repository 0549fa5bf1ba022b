"""What each target of the paper measures, on which facts, and what targets share."""

from math import exp, log

import pytest

from memat.paper import SWEEPS, TABLES, Paper, scaling_sizes
from memat.plan import plan_experiments
from memat.report.claims import compared_pairs
from workflow.project import merged_config


@pytest.fixture
def config():
    return merged_config("configs/demo.yaml")


@pytest.fixture
def paper(config):
    return Paper(config, plan_experiments(config))


def names(rows):
    return [row.experiment.name for row in rows]


def test_tables_hold_the_rows_of_the_paper(paper):
    assert names(paper.table("table1")) == [
        *("unedited", "pmet_ca", "memit_ca", "memat_ca_ca", "memat_ca_en"),
        *("memat_ca_ca_recycled", "memat_ca_en_recycled"),
    ]
    assert names(paper.table("table2")) == [
        *("unedited", "memit_en", "memat_en_en", "memat_en_ca"),
        *("memat_en_en_recycled", "memat_en_ca_recycled"),
    ]
    assert {"memit_joint", "memit_both", "memat_both_en", "random_ca_ca"} <= set(
        names(paper.table("table3"))
    )


@pytest.mark.parametrize("largest", [100, 1000, 10_000])
def test_sizes_follow_the_formula_of_the_scaling_curves(largest):
    sizes = scaling_sizes(largest, 10)
    assert sizes[-1] == largest
    assert sizes == sorted({round(exp(log(largest) * i / 16)) for i in range(17)} - set(range(10)))


def test_searches_use_tuning_facts_only_and_tables_none(paper):
    for name in ("figure5", "figure6", "figure9", "figure10"):
        assert {row.facts for row in paper.sweep(name)[1]} == {("tuning",)}
    tables = [*paper.claimed(), *paper.subjects(), *paper.sweep("figure4")[1]]
    assert not any("tuning" in row.facts for row in tables)


def test_every_name_stands_once_in_a_target(paper):
    for rows in (
        *(paper.table(name) for name in TABLES),
        *(paper.sweep(name)[1] for name in SWEEPS),
        paper.claimed(),
    ):
        assert len(set(names(rows))) == len(rows)


def test_targets_share_the_models_of_the_demo(config, paper):
    plan = plan_experiments(config)
    scored = {(e.model, block) for e in plan.experiments for block in plan.blocks}
    ours = {(row.experiment.model, facts) for row in paper.rows for facts in row.facts}
    assert scored <= ours
    largest = [r for r in paper.sweep("figure4")[1] if r.x == config["blocks"]["size"]]
    assert {r.facts for r in largest} == {("0",)}


def test_a_block_of_unknown_size_plans_all_but_the_sizes_of_an_edit(config):
    plan = plan_experiments(config | {"blocks": config["blocks"] | {"size": None}})
    rows = {name: Paper(config, plan).sweep(name)[1] for name in SWEEPS}
    assert [name for name, own in rows.items() if not own] == ["figure4"]


def test_every_compared_experiment_is_measured(paper):
    measured = set(names(paper.claimed()))
    assert {name for pair in compared_pairs(("en", "ca")) for name in pair} <= measured


def test_a_search_shares_the_edit_with_the_configured_rate(config, paper):
    own = [row.experiment for row in paper.sweep("figure5")[1] if row.x == 1.0]
    assert [experiment.model for experiment in own] == ["memit-ca"]
    others = {row.experiment.model for row in paper.sweep("figure5")[1]} - {"memit-ca"}
    assert others == {"memit-ca-lr0.25", "memit-ca-lr0.5", "memit-ca-lr2"}


def test_another_pair_of_languages_needs_no_code(config):
    config["languages"] = {"source": "en", "targets": ["es"]}
    paper = Paper(config, plan_experiments(config))
    assert "memat_es_en_recycled" in names(paper.table("table1"))
    assert paper.sweep("figure9")[1][0].series == "MEMIT en"
