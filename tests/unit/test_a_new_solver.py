"""A solver that is one more file: the config takes it, the plan has it, tables and figures name it."""

import sys
from copy import deepcopy

import polars as pl
import pytest
from pydantic import ValidationError

from memat.edit import solvers
from memat.edit.solver import PACKAGE
from memat.errors import ConfigError
from memat.evaluate.intervals import BootstrapSettings
from memat.report.figure_metrics import draw_metrics
from memat.report.tables import method_name, summary_frame
from memat.study.config import completed
from memat.study.models import Edit
from memat.study.plan import plan_study
from memat.study.section import Section, with_leaf_sections
from score_tables import LANGUAGES
from workflow.project import merged_config

LEAF = '''"""Nearest: all old keys alike."""

from memat.study.section import Section, Weight

LABEL = "Nearest keys"
VALUES = "{values}"
JOINT = True


class Deltas(Section):
    """Of experiments with solver: nearest."""

    old: Weight = 2.0
    """weight of old keys"""


SETTINGS = {{"deltas": Deltas}}


def value_hook_points(model, layer):
    raise NotImplementedError


def share(residual, layers_left):
    return residual / layers_left


def solve(keys, moment, settings, layer):
    return keys
'''
ROWS = [
    {"name": "memit_ca", "method": "memit", "train": "ca"},
    {"name": "nearest_ca", "method": "memit", "train": "ca", "solver": "nearest"},
    {"name": "nearest_ca_en", "method": "memat", "train": "ca", "heads": "en", "solver": "nearest"},
]
ROWS += [{**ROWS[2], "name": "random", "select": "random"}]


NO_STUDY = {"axes": {}, "smallest_edit": 10, "reports": [], "claims": []}


@pytest.fixture
def add_solver(tmp_path, monkeypatch):
    """Adds the solver `nearest`, which carries the values of the solver that is given."""

    def add(values: str) -> None:
        (tmp_path / "nearest.py").write_text(LEAF.format(values=values))
        monkeypatch.setattr(solvers, "__path__", [*solvers.__path__, str(tmp_path)])

    yield add
    sys.modules.pop("memat.edit.solvers.nearest", None)


@pytest.fixture
def config():
    return completed(merged_config()) | {"experiments": deepcopy(ROWS)}


def test_without_its_file_the_solver_is_refused():
    with pytest.raises(ConfigError, match="'nearest' is unknown"):
        Edit("nearest", ("ca",)).values  # noqa: B018


def test_its_settings_are_a_section_below_the_common_ones(add_solver):
    add_solver("memit")
    sections = with_leaf_sections(PACKAGE, "deltas")(Section)
    assert sections().model_dump()["nearest"] == {"old": 2.0}
    assert sections.model_validate({"nearest": {"old": 1.0}}).nearest.old == 1.0
    with pytest.raises(ValidationError, match=r"nearest\.old"):
        sections.model_validate({"nearest": {"old": -1.0}})


@pytest.mark.parametrize("values", ["memit", "nearest"])
def test_the_plan_has_its_edits_and_the_values_they_carry(config, add_solver, values):
    add_solver(values)
    study = plan_study(config | {"study": NO_STUDY})
    assert list(study.edits) == ["memit-ca", "nearest-ca"]
    assert set(study.values.values()) == {Edit("memit", ("ca",)), Edit(values, ("ca",))}


@pytest.mark.parametrize("values", ["memit", "nearest"])
def test_tables_and_figures_name_it(config, add_solver, values):
    add_solver(values)
    rows = [row.described() for row in plan_study(config | {"study": NO_STUDY}).main.rows]
    methods = ["memit", "nearest", "memat-nearest", "memat-random-nearest"]
    assert [method_name(row) for row in rows] == methods
    assert rows[1]["baselines"] == ["memit_ca"]
    figure = draw_metrics(flat_summary(rows), ["success"], 0.95)
    words = {text.get_text() for axes in figure.axes for text in legend_texts(axes)}
    assert {
        *("MEMIT", "Nearest keys", "MEMAT on Nearest keys"),
        "MEMAT on Nearest keys, random heads",
    } <= words


def legend_texts(axes):
    return axes.get_legend().get_texts() if axes.get_legend() else []


def flat_summary(rows) -> pl.DataFrame:
    frames = [
        pl.DataFrame(
            {
                "experiment": [row["name"]] * 2,
                "eval_language": LANGUAGES,
                "block": [0, 0],
                "case_id": [1, 1],
                "metric": ["ES", "ES"],
                "value": [0.5, 0.25],
            }
        )
        for row in rows
    ]
    settings = BootstrapSettings(resamples=100)
    return summary_frame(pl.concat(frames), rows, LANGUAGES, ["success"], settings)
