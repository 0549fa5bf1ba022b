"""What a study measures: rows from lines of YAML, what is compared, and what models share."""

import re
from math import exp, log
from pathlib import Path

import pytest
import yaml

from memat.errors import ConfigError
from memat.study.claims import claimed_rows
from memat.study.config import completed, config_faults
from memat.study.models import Correction, Edit, Heads
from memat.study.plan import MAIN, can_protect, plan_study
from memat.study.row_faults import experiment_faults, study_faults
from memat.study.rows import scaling_sizes

REPOSITORY = Path(__file__).resolve().parents[2]
UNEDITED = {"name": "unedited", "method": "unedited"}
DEMO = [
    UNEDITED,
    {"name": "memit_en", "method": "memit", "train": "en"},
    {"name": "memit_ca", "method": "memit", "train": "ca"},
    {"name": "memat_en_en", "method": "memat", "train": "en", "heads": "en"},
    {"name": "memat_ca_en", "method": "memat", "train": "ca", "heads": "en"},
    {"name": "random_en_en", "method": "memat", "train": "en", "heads": "en", "select": "random"},
]
BLOCKS = {"size": 100, "donor": 50, "tuning": 30}


def complete(experiments=DEMO, targets=("ca",), blocks=BLOCKS, **sections) -> dict:
    """A config with every default filled in."""
    config = {
        "facts": {"path": "facts.json"},
        "languages": {"source": "en", "targets": list(targets)},
        "blocks": blocks,
        "experiments": experiments,
        "study": {"file": None},
        **sections,
    }
    assert list(config_faults(config)) == []
    return completed(config)


@pytest.fixture
def paper() -> dict:
    return {"study": {"file": str(REPOSITORY / "configs" / "paper.yaml")}}


def names(report):
    return [row.name for row in report.rows]


def test_equal_work_is_one_object():
    row = {"method": "memat", "train": "ca", "heads": "en"}
    again = {**row, "select": "located", "k": 16}
    study = plan_study(complete([{"name": "one", **row}, {"name": "two", **again}]))
    one, two = study.main.rows
    assert one.model == two.model
    assert one.model.corrections == (
        Correction(Heads(Edit("memit", ("ca",)), "en"), "located", 16),
    )
    assert list(study.models) == ["memit-ca_en_located-16"]


def test_a_sum_is_solved_in_parts_and_a_joint_edit_is_not():
    sums = {"method": "memit", "train": ["en", "ca"], "combine": "sum"}
    study = plan_study(complete([sums, {"method": "memit", "train": ["en", "ca"]}]))
    assert list(study.edits) == ["memit-en+ca-sum", "memit-en+ca-joint"]
    assert list(study.solved) == ["memit-en", "memit-ca", "memit-en+ca-joint"]
    assert study.edits["memit-en+ca-joint"].languages == ("en", "ca")


def test_stacked_languages_share_a_solve_and_have_values_of_their_own():
    train = {"method": "memit", "train": ["en", "ca"], "combine": "stacked"}
    ways = [{**train, "combine": how} for how in ("joint", "sum", "stacked")]
    study = plan_study(complete([*ways, {**train, "solver": "pmet"}]))
    assert list(study.solved) == [
        *("memit-en+ca-joint", "memit-en", "memit-ca"),
        *("memit-en+ca-stacked", "pmet-en+ca-stacked"),
    ]
    assert list(study.values) == [
        *("memit-en+ca-joint", "memit-en", "memit-ca", "pmet-en", "pmet-ca"),
    ]
    stacked = study.row("memit_en+ca_stacked")
    assert set(stacked.baselines) == {"memit_en+ca_joint", "memit_en+ca_sum"}
    assert stacked.described()["combine"] == "stacked"


def test_an_edit_in_three_of_three_languages():
    row = {"method": "memat", "train": ["en", "ca", "es"], "heads": "es"}
    rows = [{**row, "combine": "sum"}, {"method": "memit", "train": ["en", "ca"], "solver": "pmet"}]
    study = plan_study(complete(rows[:1], targets=("ca", "es")))
    assert names(study.main) == ["memat_en+ca+es_sum_es"]
    without_joint_values = plan_study(complete(rows[1:], targets=("ca", "es")))
    assert names(without_joint_values.main) == ["pmet_en+ca_sum"]
    assert list(study.solved) == ["memit-en", "memit-ca", "memit-es"]
    assert study.main.languages == ("en", "ca", "es")


def test_a_solver_may_carry_the_values_of_another():
    study = plan_study(complete([{"method": "memit", "train": "ca", "solver": "alphaedit"}]))
    assert names(study.main) == ["alphaedit_ca"]
    assert list(study.values) == ["memit-ca"]
    assert list(study.solved) == ["alphaedit-ca"]


def test_recycled_corrections_come_from_other_facts():
    row = {"method": "memat", "train": "ca", "heads": "ca", "recycled": True}
    study = plan_study(complete([row]))
    (model,) = study.models.values()
    assert study.corrected_with(model, "0") == "donor"
    assert study.corrected_with(model, "0-first-10") == "donor"
    assert study.heads(study.main) == ()  # of the reported blocks none is probed
    study = plan_study(complete([row], blocks={"size": 5, "donor": 0, "count": 3, "tuning": 0}))
    assert [study.corrected_with(model, block) for block in study.blocks] == ["1", "2", "0"]


def test_protected_subjects_are_a_row_beside_the_plain_one():
    memit = {"method": "memit", "train": "en"}
    memat = {"method": "memat", "train": "en", "heads": "en"}
    both = {"method": "memit", "train": ["en", "ca"], "combine": "sum", "protected": True}
    rows = [memit, {**memit, "protected": True}, {**memit, "protected": False, "name": "again"}]
    study = plan_study(complete([UNEDITED, *rows, {**memat, "protected": True}, both]))
    found = {row.name: row for row in study.main.rows}
    assert list(found)[1:] == [
        *("memit_en", "memit_en_protected", "again", "memat_en_en_protected"),
        "memit_en+ca_sum_protected",
    ]
    assert found["again"].model == found["memit_en"].model
    assert found["memit_en_protected"].model.id == "memit-en-protected"
    assert found["memit_en_protected"].baselines == ("unedited", "memit_en", "again")
    assert found["memat_en_en_protected"].baselines == ("unedited", "memit_en_protected")
    assert list(study.values) == ["memit-en", "memit-ca"], "values are the same"
    assert list(study.solved) == ["memit-en", "memit-en-protected", "memit-ca-protected"]


def test_edits_protect_subjects_where_the_config_says_so():
    rows = [{"method": "memit", "train": "en"}, {"method": "memit", "train": "ca", "protected": False}]  # fmt: skip
    section = {"protected_subjects": {"use": True}}
    study = plan_study(complete(rows, covariance=section))
    assert names(study.main) == ["memit_en", "memit_ca_plain"]
    assert list(study.solved) == ["memit-en-protected", "memit-ca"]


@pytest.mark.parametrize(
    ("donor", "tuning", "source", "able"),
    [
        (0, 0, "facts", ()),
        (0, 0, "list", ("0", "0-first-5", "donor", "tuning")),
        (5, 0, "facts", ("0", "0-first-5", "tuning")),
        (0, 5, "facts", ("0", "0-first-5", "donor")),
        (5, 5, "facts", ("0", "0-first-5", "donor", "tuning")),
    ],
)
def test_a_set_protects_subjects_of_other_sets(donor, tuning, source, able):
    blocks = {"size": 10, "donor": donor, "tuning": tuning}
    section = {"protected_subjects": {"source": source, "path": "names.txt"}}
    row = {"method": "memit", "train": "en", "protected": True}
    config = complete([row], blocks=blocks, covariance=section)
    sets = ("0", "0-first-5", "donor", "tuning")
    assert tuple(name for name in sets if can_protect(config, name)) == able
    faults = list(experiment_faults(config))
    assert len(faults) == (0 if able else 1)
    assert not faults or "experiments[0].protected: protected subjects are those" in faults[0]


def test_baselines_are_the_simpler_rows_of_the_same_report():
    rows = [
        *DEMO,
        {"name": "alpha_en", "method": "memit", "train": "en", "solver": "alphaedit"},
        {"name": "sum", "method": "memit", "train": ["en", "ca"], "combine": "sum"},
        {"name": "joint", "method": "memit", "train": ["en", "ca"], "combine": "joint"},
        {"name": "again", "method": "memat", "train": "en", "heads": "en", "recycled": True},
    ]
    baselines = {row.name: set(row.baselines) for row in plan_study(complete(rows)).main.rows}
    assert baselines == {
        "unedited": set(),
        "memit_en": {"unedited"},
        "memit_ca": {"unedited"},
        "memat_en_en": {"unedited", "memit_en"},
        "memat_ca_en": {"unedited", "memit_ca"},
        "random_en_en": {"unedited", "memit_en", "memat_en_en"},
        "alpha_en": {"unedited", "memit_en"},
        "sum": {"unedited", "joint", "memit_en", "memit_ca"},
        "joint": {"unedited", "memit_en", "memit_ca"},
        "again": {"unedited", "memit_en", "memat_en_en"},
    }


@pytest.mark.parametrize(
    ("size", "shard_size", "shards"), [(100, 25, 4), (101, 25, 5), (10, 25, 1), (25, 25, 1)]
)
def test_shards_cover_the_block(size, shard_size, shards):
    study = plan_study(complete(blocks=BLOCKS | {"size": size}))
    assert list(study.shards("0", shard_size)) == list(range(shards))


def test_a_nested_set_uses_the_first_shards_of_its_block():
    study = plan_study(complete())
    assert list(study.shards("0-first-30", 25)) == [0, 1]
    assert list(study.shards("tuning", 25)) == [0, 1]


def test_rows_are_described_in_plain_values():
    rows = {row.name: row.described() for row in plan_study(complete()).main.rows}
    assert rows["random_en_en"] == {
        "name": "random_en_en",
        "method": "memat",
        "model": "memit-en_en_random-16",
        "solver": "memit",
        "edit_language": "en",
        "edit_languages": ["en"],
        "combine": None,
        "protected": False,
        "transport": None,
        "taught": None,
        "step_size": None,
        "head_language": "en",
        "select": "random",
        "k": 16,
        "alpha": None,
        "recycled": False,
        "series": None,
        "x": None,
        "facts": ["0"],
        "baselines": ["unedited", "memit_en", "memat_en_en"],
    }
    unedited = {key: value for key, value in rows["unedited"].items() if value}
    assert unedited.keys() == {"name", "method", "model", "facts"}


def test_an_unknown_row_is_named_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'memit_ca'"):
        plan_study(complete()).row("memit_cat")


def own_study(tmp_path, content: dict) -> dict:
    """A config section with a study file of its own."""
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return {"file": str(path)}


def test_an_unknown_axis_is_named(tmp_path):
    grid = [{"method": "memat", "train": "en", "heads": "en", "k": "$head"}]
    content = {"axes": {"heads": [1]}, "reports": [{"name": "own", "kind": "curves", "grid": grid}]}
    config = complete(study=own_study(tmp_path, content))
    with pytest.raises(ConfigError, match=r"\$head names no axis; known: heads"):
        plan_study(config)
    (fault,) = study_faults(config)
    assert "study.yaml: reports[0] (own).grid[0]: study: $head names no axis" in fault


def test_a_study_file_taken_for_a_config_is_told(tmp_path):
    path = REPOSITORY / "configs/paper.yaml"
    (fault,) = config_faults(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert fault.startswith("claims, reports: belong to a study's file")
    assert "study.file" in fault


def test_nulls_of_a_sequence_are_as_if_left_out(tmp_path):
    grid = {"method": "memit", "train": "en", "steps": [None, 5], "first": [None, 10]}
    grid |= {"series": None, "keep_earlier": None}
    report = {"name": "own", "kind": "sequence", "grid": [grid, {"method": "unedited", "k": None}]}
    config = complete(study=own_study(tmp_path, {"reports": [report]}))
    assert list(study_faults(config)) == []
    rows = plan_study(config).report("own").rows
    assert {row.series for row in rows} == {
        "memit en at once",
        "memit en by 20",
        "memit en by 2",
        None,
    }


def test_a_series_names_keys_of_its_row(tmp_path):
    grid = {"method": "memat", "train": "en", "heads": "en", "k": [None, 4]}
    report = {"name": "own", "kind": "curves", "grid": [grid | {"series": "K {k}", "x": 1}]}
    (fault,) = study_faults(complete(study=own_study(tmp_path, {"reports": [report]})))
    assert fault.endswith("grid[0].series: K {k} does not name keys of the row")


def test_a_null_in_a_grid_is_as_if_left_out(tmp_path):
    grid = {"method": ["memit"], "train": "en", "k": None, "heads": None}
    content = {
        "reports": [{"name": "own", "kind": "table", "grid": [grid, grid | {"train": None}]}]
    }
    (fault,) = study_faults(complete(study=own_study(tmp_path, content)))
    assert "grid[1].train: missing; method memit needs one of en, ca" in fault


@pytest.mark.parametrize(
    ("against", "part"),
    [
        ({"method": "memitt"}, "rows[0].method: 'memitt' is unknown; allowed: unedited, memit"),
        ({"metod": "memit"}, "rows[0].metod: unknown key; 'metod' is unknown; allowed: name"),
        ({"train": "fr"}, "rows[0].train: 'fr' is unknown; allowed: en, ca"),
    ],
)
def test_what_a_claim_compares_with_is_checked(tmp_path, against, part):
    grid = {"method": ["memat", "memit"], "train": "en", "heads": "en"}
    claim = {"text": "x", "place": "y", "rows": [{"method": "memit", "train": "en"}]}
    claim |= {"against": against, "metrics": ["ES"]}
    (fault,) = study_faults(complete(study=own_study(tmp_path, {"claims": [claim]})))
    assert part in fault
    claim["rows"] = [grid]
    assert "method memit takes no such key" in " ".join(
        study_faults(complete(study=own_study(tmp_path, {"claims": [claim]})))
    )


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (
            {"report": []},
            "study.yaml: report: unknown key; 'report' is unknown; allowed: name, axes, reports",
        ),
        ({"reports": [{"name": "a", "kind": "tabel"}]}, "reports[0].kind: 'tabel' is unknown"),
        ({"reports": [{"name": "a", "kind": "table"}] * 2}, "already used by reports[0]"),
        ({"claims": [{"text": "x", "place": "y", "of": ["z"]}]}, "'z' is no report; known: none"),
    ],
)
def test_faults_of_a_study_file_name_it(tmp_path, content, part):
    config = {"facts": {"path": "facts.json"}, "study": own_study(tmp_path, content)}
    (fault,) = config_faults(config)
    assert part in fault


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"method": "memit", "train": "fr"}, "rows[0].train: 'fr' is unknown; allowed: en, ca"),
        ({"method": "memit"}, "rows[0].train: missing; method memit needs one of en, ca"),
        ({"method": "memit", "train": "en", "k": 3}, "rows[0].k: method memit takes no such key"),
        ({"method": "memit", "train": "en", "combine": "sum"}, "combine: needs several languages"),
        (
            {"method": "memit", "train": "en", "transport": "source"},
            "transport: source is the language of the edit",
        ),
        (
            {"method": "memit", "train": "en", "transport": "fr"},
            "transport: 'fr' is unknown; allowed: en, ca",
        ),
        (
            {"method": "memit", "train": ["en", "ca"], "transport": "ca"},
            "transport: needs one language in train, found ['en', 'ca']",
        ),
        (
            {"method": "memit", "train": "en", "taught": "source"},
            "taught: source is the language of the edit",
        ),
        (
            {"method": "memat", "train": "en", "heads": "en", "taught": ["ca", "fr"]},
            "taught: 'fr' is unknown; allowed: en, ca",
        ),
        (
            {"method": "memit", "train": ["en", "ca"], "combine": "stacked", "taught": "ca"},
            "taught: needs one language in train, found ['en', 'ca']",
        ),
        (
            {"method": "memit", "train": "en", "taught": ["ca", "target"]},
            "taught: must have no repeats, found ['ca', 'target']",
        ),
        (
            {"method": "memit", "train": "en", "taught": "ca", "transport": "ca"},
            "taught: is not for rows with transport",
        ),
        (
            {"method": "in_context", "train": "en", "taught": "ca"},
            "taught: method in_context takes no such key",
        ),
        ({"method": "memit", "train": ["en", "en"]}, "train: must have no repeats"),
        (
            {"method": "memit", "train": ["en", "ca"], "combine": "joint", "solver": "pmet"},
            "joint is for the solvers alphaedit, emmet, memit, not pmet",
        ),
    ],
)
def test_faults_of_a_row_name_its_place(tmp_path, row, part):
    content = {"reports": [{"name": "own", "kind": "table", "rows": [row]}]}
    (fault,) = study_faults(complete(study=own_study(tmp_path, content)))
    assert "study.yaml: reports[0] (own)" in fault
    assert part in fault


def test_tables_hold_the_rows_of_the_paper(paper):
    study = plan_study(complete(**paper))
    assert names(study.report("table1")) == [
        *("unedited", "pmet_ca", "memit_ca", "memat_ca_ca", "memat_ca_en"),
        *("memat_ca_ca_recycled", "memat_ca_en_recycled"),
    ]
    assert names(study.report("table2")) == [
        *("unedited", "memit_en", "memat_en_en", "memat_en_ca"),
        *("memat_en_en_recycled", "memat_en_ca_recycled"),
    ]
    assert {"memit_en+ca_joint", "memit_en+ca_sum", "memat_en+ca_sum_en", "random_ca_ca"} <= set(
        names(study.report("table3"))
    )


def test_every_method_by_overlap_is_a_model_of_the_tables(paper):
    study = plan_study(complete(**paper))
    tables = {row.model for n in (1, 2, 3) for row in study.report(f"table{n}").rows}
    rows = study.report("figure1_methods").rows
    assert {row.model for row in rows} <= tables
    methods = {(row.spec["method"], row.spec.get("solver"), row.spec.get("select")) for row in rows}
    of_tables = {
        (row.spec["method"], row.spec.get("solver"), row.spec.get("select"))
        for n in (1, 2, 3)
        for row in study.report(f"table{n}").rows
    }
    assert methods == of_tables


def test_transported_keys_are_a_row_beside_the_plain_one():
    plain = {"method": "memit", "train": "en"}
    rows = [plain, {**plain, "transport": "target"}, {**plain, "transport": ["ca", "es"]}]
    study = plan_study(complete([UNEDITED, *rows], targets=("ca", "es")))
    found = {row.name: row for row in study.main.rows}
    assert list(found) == ["unedited", "memit_en", "memit_en_to-ca", "memit_en_to-ca+es"]
    assert found["memit_en_to-ca"].baselines == ("unedited", "memit_en")
    assert found["memit_en_to-ca+es"].model.id == "memit-en-to-ca+es"
    assert found["memit_en_to-ca"].described()["transport"] == "ca"
    assert list(study.values) == ["memit-en"]


def test_taught_languages_are_a_row_beside_the_plain_one_with_values_of_their_own():
    plain = {"method": "memit", "train": "en"}
    taught = {**plain, "taught": ["target", "es"]}
    corrected = {**taught, "method": "memat", "heads": "en"}
    rows = [UNEDITED, plain, taught, corrected, {**taught, "solver": "pmet"}]
    study = plan_study(complete(rows, targets=("ca", "es")))
    found = {row.name: row for row in study.main.rows}
    assert list(found)[2:4] == ["memit_en_taught-ca+es", "memat_en_taught-ca+es_en"]
    row = found["memit_en_taught-ca+es"]
    assert row.baselines == ("unedited", "memit_en")
    assert row.described()["taught"] == "ca+es"
    assert (row.model.languages, row.model.prompted) == (("en",), ("en", "ca", "es"))
    (edit,) = row.model.edits
    assert (edit.id, edit.stacked, edit.prompted) == (
        "memit-en-taught-ca+es",
        True,
        ("en", "ca", "es"),
    )
    assert [values.id for values in edit.values] == [
        *("memit-en", "memit-ca-teacher-en", "memit-es-teacher-en")
    ]
    assert found["memat_en_taught-ca+es_en"].baselines == ("unedited", "memit_en_taught-ca+es")
    of_pmet = [values.id for values in found["pmet_en_taught-ca+es"].model.edits[0].values]
    assert of_pmet == ["pmet-en", "pmet-ca-teacher-en", "pmet-es-teacher-en"]


def test_a_teacher_with_examples_needs_other_facts():
    row = {"method": "memit", "train": "en", "taught": "ca"}
    alone = {"donor": 0, "tuning": 0}
    (fault,) = experiment_faults(complete([row], blocks=alone))
    assert fault.startswith("experiments[0].taught: values.taught.examples (1) are donor or tuning")
    assert not [*experiment_faults(complete([row], blocks={**alone, "donor": 4}))]
    none = {"taught": {"examples": 0}}
    assert not [*experiment_faults(complete([row], blocks=alone, values=none))]


def test_a_study_leaves_out_what_its_model_cannot_have(paper):
    config = complete(**paper)
    whole, layerwise = plan_study(config), plan_study(config, "layerwise")
    assert not whole.left_out
    assert layerwise.left_out == (
        ("table1", "pmet"),
        ("figure1_methods", "pmet"),
        ("figure6", "pmet"),
    )
    assert set(names(whole.report("table1"))) - set(names(layerwise.report("table1"))) == {
        "pmet_ca"
    }
    assert {r.name for r in whole.reports} - {r.name for r in layerwise.reports} == {"figure6"}
    assert {edit.solver for edit in whole.solved.values()} == {"memit", "pmet"}
    assert {edit.solver for edit in layerwise.solved.values()} == {"memit"}


def test_a_claim_rests_on_the_rows_that_the_model_can_have(tmp_path):
    both = {"method": "memit", "train": "ca", "solver": ["pmet", "alphaedit"]}
    content = {
        "reports": [{"name": "own", "kind": "table", "rows": [{**both, "solver": "pmet"}]}],
        "claims": [
            {
                "text": "is ahead of MEMIT",
                "place": "own",
                "evidence": "paired",
                "rows": [both],
                "against": {"solver": "memit"},
                "metrics": ["ES"],
            }
        ],
    }
    config = complete(study=own_study(tmp_path, content))
    (whole,), (layerwise,) = (plan_study(config, s).claims for s in ("residual", "layerwise"))
    assert [c.row.name for c in whole.comparisons] == ["pmet_ca", "alphaedit_ca"]
    assert [c.row.name for c in layerwise.comparisons] == ["alphaedit_ca"]


@pytest.mark.parametrize("largest", [100, 1000, 10_000])
def test_sizes_follow_the_formula_of_the_scaling_curves(largest):
    sizes = scaling_sizes(largest, 10)
    assert sizes[-1] == largest
    assert sizes == sorted({round(exp(log(largest) * i / 16)) for i in range(17)} - set(range(10)))


def test_searches_use_tuning_facts_only_and_tables_none(paper):
    study = plan_study(complete(**paper))
    searches = ("figure5", "figure6", "figure9", "figure10")
    for report in study.others:
        sets = {row.facts for row in report.rows}
        assert (sets == {("tuning",)}) == (report.name in searches)
        assert not any("tuning" in facts for facts in sets) or report.name in searches
    assert not any("tuning" in row.facts for row in claimed_rows(study.claims))


def test_reports_share_the_models_of_the_experiments(paper):
    study = plan_study(complete(**paper))
    elsewhere = {
        (row.model.id, facts)
        for rows in (*(report.rows for report in study.others), claimed_rows(study.claims))
        for row in rows
        for facts in row.facts
    }
    assert {(row.model.id, "0") for row in study.main.rows} <= elsewhere
    largest = [row for row in study.report("figure4").rows if row.x == 100]
    assert {row.facts for row in largest} == {("0",)}


def test_a_search_shares_the_edit_with_the_configured_rate(paper):
    rows = plan_study(complete(**paper)).report("figure5").rows
    assert {row.x: row.model.id for row in rows} == {
        0.25: "memit-ca-lr0.25",
        0.5: "memit-ca-lr0.5",
        1.0: "memit-ca",
        2.0: "memit-ca-lr2",
    }
    assert {row.series for row in rows} == {"MEMIT"}


def test_curves_have_their_place_and_series(paper):
    rows = plan_study(complete(**paper)).report("figure10").rows
    levels = [row for row in rows if row.x is None]
    assert [(row.name, row.series) for row in levels] == [("memit_ca", "MEMIT ca")]
    points = {(row.series, row.x): row.model.corrections[0].k for row in rows if row.x is not None}
    assert points["K = 4", 10.0] == 4
    assert len(points) == 9


def test_claims_compare_a_row_with_the_same_row_changed(paper):
    claims = {claim.text: claim for claim in plan_study(complete(**paper)).claims}
    compared = {
        (c.row.name, c.baseline.name): c.asked_in
        for c in claims["MEMAT also gains in the language that was not trained"].comparisons
    }
    assert compared == {
        ("memat_ca_ca", "memit_ca"): ("en",),
        ("memat_ca_en", "memit_ca"): ("en",),
        ("memat_en_ca", "memit_en"): ("ca",),
        ("memat_en_en", "memit_en"): ("ca",),
    }
    (iti,) = claims["optimised corrections are ahead of ITI's shifts"].comparisons
    assert (iti.row.name, iti.baseline.name, iti.asked_in) == ("memat_ca_en", "iti_ca_en", ("en",))


def test_the_documented_study_is_planned(tmp_path):
    page = (REPOSITORY / "docs" / "studies.md").read_text(encoding="utf-8")
    content = yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
    config = complete(study=own_study(tmp_path, content))
    assert list(study_faults(config)) == []
    study = plan_study(config)
    assert [report.name for report in study.others] == ["number_of_heads", "crossing"]
    assert len(study.report("number_of_heads").rows) == 7
    assert names(study.report("crossing"))[-1] == "memit_en+ca_joint"
    (claim,) = study.claims
    assert [(c.row.name, c.baseline.name, c.asked_in) for c in claim.comparisons] == [
        ("memat_ca_en", "memit_ca", ("ca",)),
        ("memat_ca_ca", "memit_ca", ("ca",)),
    ]


def test_another_pair_of_languages_needs_no_code(paper):
    study = plan_study(complete([UNEDITED], targets=("es",), **paper))
    assert "memat_es_en_recycled" in names(study.report("table1"))
    assert study.report("figure9").rows[0].series == "MEMIT en"
    assert study.report(MAIN).languages == ("en", "es")
