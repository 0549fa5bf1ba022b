"""Rows with steps: what each step holds, what models share, and which rows are refused."""

from pathlib import Path

import pytest
from test_study import complete

from memat.study.models import Edit
from memat.study.plan import SEQUENCE, plan_study
from memat.study.row_faults import experiment_faults, study_faults
from memat.study.steps import step_bounds, step_size, usual_steps

FILE = str(Path(__file__).resolve().parents[2] / "configs/sequences.yaml")
ONCE = {"method": "memit", "train": "en"}
STEPS = {**ONCE, "steps": 5}


@pytest.mark.parametrize(("n_facts", "steps"), [(100, 10), (7, 3), (5, 5), (10, 6), (3, 1)])
def test_every_fact_is_in_one_step(n_facts, steps):
    size = step_size(n_facts, steps)
    bounds = step_bounds(n_facts, size)
    assert [fact for start, end in bounds for fact in range(start, end)] == list(range(n_facts))
    assert len(bounds) <= steps
    assert {end - start for start, end in bounds[:-1]} <= {size}


def test_usual_steps_end_with_the_last():
    assert usual_steps(1) == [1]
    assert usual_steps(5) == [1, 2, 5]
    assert usual_steps(12) == [1, 2, 5, 10, 12]


def test_a_row_in_steps_is_an_edit_that_no_solve_makes():
    study = plan_study(complete([ONCE, STEPS, {**STEPS, "keep_earlier": False}]))
    once, steps, free = study.main.rows
    assert steps.name == "memit_en_by20"
    assert steps.model.edits == (Edit("memit", ("en",), step_size=20),)
    assert steps.described()["step_size"] == 20
    assert steps.baselines == (once.name,)
    assert set(free.baselines) == {once.name, steps.name}
    assert list(study.edits) == ["memit-en", "memit-en-by20", "memit-en-by20-free"]
    assert list(study.solved) == ["memit-en"]


def test_one_step_is_the_plain_row_itself():
    study = plan_study(complete([{"name": "a", **ONCE}, {"name": "b", **ONCE, "steps": 1}]))
    assert len(study.models) == 1
    study = plan_study(complete([{**STEPS, "heads": "en", "method": "memat"}]))
    assert study.main.rows[0].model.corrections[0].heads.edit.step_size == 20


def test_models_after_some_steps_share_the_edit_and_hold_the_first_facts():
    study = plan_study(complete(study={"file": FILE}))
    report = study.report("kept")
    assert report.kind == SEQUENCE
    by_ten = [row for row in report.rows if row.model.id == "memit-en-by10"]
    assert [row.facts for row in by_ten] == [
        ("0-first-10",), ("0-first-20",), ("0-first-50",), ("0",)
    ]  # fmt: skip
    assert [row.x for row in by_ten] == [10, 20, 50, 100]
    assert len({row.series for row in by_ten}) == 1
    halves = [row for row in report.rows if row.model.id == "memit-en-by50"]
    assert [row.facts for row in halves] == [("0-first-50",), ("0",)]
    at_once = [row for row in report.rows if row.model.id == "memit-en"]
    assert [row.x for row in at_once] == [10, 20, 50, 100]
    assert [row.x for row in report.rows if not row.model.edits] == [None]
    names = [row.name for row in report.rows]
    assert len(set(names)) == len(names)
    # the claim compares what the term keeps with the same steps without it
    claim = study.claims[0].comparisons[0]
    edits = [row.model.edits[0] for row in (claim.row, claim.baseline)]
    assert [edit.keep_earlier for edit in edits] == [True, False]


FAULTS = [
    ({**STEPS, "steps": 101}, {}, "steps: 101 steps are more than the 100 facts"),
    (STEPS, {"blocks": {"size": None}}, "steps: blocks.size is null"),
    ({**STEPS, "transport": "ca"}, {}, "steps: is not for rows with transport"),
    ({**STEPS, "taught": "ca"}, {}, "steps: is not for rows with taught"),
    ({**ONCE, "keep_earlier": False}, {}, "keep_earlier: is for rows with steps"),
    ({"method": "unedited", "steps": 2}, {}, "steps: method unedited takes no such key"),
    ({"method": "in_context", "train": "en", "steps": 2}, {}, "takes no such key"),
]


@pytest.mark.parametrize(("row", "sections", "part"), FAULTS)
def test_rows_that_cannot_be_edited_in_steps_are_refused(row, sections, part):
    faults = list(experiment_faults(complete([row], **sections)))
    assert len(faults) == 1
    assert faults[0].startswith("experiments[0].")
    assert part in faults[0]


def test_a_solver_without_the_term_is_refused(monkeypatch):
    from memat.edit import solver

    monkeypatch.delattr(solver.load_solver("emmet"), "solve_after")
    (fault,) = experiment_faults(complete([{**STEPS, "solver": "emmet"}]))
    assert "experiments[0].steps: solver emmet has no term for the keys of earlier edits" in fault


def test_a_sequence_wants_steps_and_blocks_of_a_known_size(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "reports: [{name: kept, kind: sequence, rows: [{method: memit, train: en, facts: tuning}]}]"
    )
    config = complete(study={"file": str(path)}, blocks={"size": None, "tuning": 30})
    told = "\n".join(study_faults(config))
    for part in ("needs a row with steps", "needs blocks.size", "not of blocks.tuning"):
        assert part in told
