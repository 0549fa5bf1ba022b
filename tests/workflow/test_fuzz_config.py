"""Any config, model spec and id list is accepted and planned, or refused with its place."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from memat.check import check_config
from memat.model.spec import read_model_spec
from memat.study.config import completed
from memat.study.plan import experiment_rows, plan_study
from mutations import Answers, damaged, damaged_files
from workflow.project import REPOSITORY, Project, merged_config

MODELS = Path("resources/models")
CONFIGS = {path: merged_config(path) for path in ("configs/tiny.yaml", "configs/aguila.yaml")}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """The tiny models and facts, in a folder of this test's own."""
    return Project.tiny(tmp_path_factory.mktemp("fuzz")).folder


def places_of(config: dict) -> list[str]:
    """What a refusal may name: a key of the config, or a file that it names."""
    files = ("facts.json", "tuning_ids.txt", "translations.csv", ".yaml", "demo")
    return ["config: ", *map(str, config), *CONFIGS["configs/tiny.yaml"], *files]


def test_configs(world, monkeypatch):
    monkeypatch.chdir(world)
    answers = Answers()

    def check(config):
        check_config(config)
        return plan_study(completed(config))

    @settings(max_examples=120)
    @given(st.sampled_from(list(CONFIGS)).flatmap(lambda path: damaged(CONFIGS[path], most=2)))
    def case(config):
        plan = answers.ask(lambda: check(config), *places_of(config))
        assert plan is None or len(plan.main.rows) == len(experiment_rows(completed(config)))

    case()
    answers.check(120)


@pytest.mark.parametrize("name", ["aguila-7b", "tiny-llama"])
def test_model_specs(tmp_path, world, monkeypatch, name):
    monkeypatch.chdir(world)
    content = yaml.safe_load((REPOSITORY / MODELS / f"{name}.yaml").read_text(encoding="utf-8"))
    path, answers = tmp_path / "spec.yaml", Answers()

    @settings(max_examples=60)
    @given(damaged_files(content, yaml.safe_dump))
    def case(text):
        path.write_bytes(text)
        answers.ask(lambda: read_model_spec(tmp_path, "spec"), f"{path}: ", "model type ")

    case()
    answers.check(60)


def test_configs_of_models(tmp_path):
    content = {"model_type": "llama", "num_hidden_layers": 4, "num_attention_heads": 4}
    path, answers = tmp_path / "config.json", Answers()
    (tmp_path / "spec.yaml").write_text(f"kind: local\npath: {tmp_path}\n", encoding="utf-8")

    @settings(max_examples=60)
    @given(damaged_files(content, json.dumps))
    def case(text):
        path.write_bytes(text)
        answers.ask(lambda: read_model_spec(tmp_path, "spec"), f"{path}: ", "model type ")

    case()
    answers.check(60)
