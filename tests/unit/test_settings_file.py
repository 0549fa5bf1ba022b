"""A model's own settings: the user's config decides before them, the defaults after them."""

from pathlib import Path

import pytest
import yaml

from memat.edit.spread import LAYERWISE, spread_fault, spread_of
from memat.errors import ConfigError
from memat.model.spec import read_model_spec
from memat.study.config import Config, completed
from memat.study.settings_file import (
    overridden_notice,
    settings_notice,
    settings_path,
    settings_text,
    untried_notice,
    with_model_settings,
)

MODEL = "tiny-llama"
FOUND = {
    "edit.layers": [1, 2],
    "values.learning_rate": 0.25,
    "deltas.covariance_weight": 15000.0,
    "corrections.k": 4,
}


def write(folder, text):
    settings_path(folder, MODEL).write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, settings_text(MODEL, FOUND, "Found by a search.\nOn few facts."))
    return tmp_path


def merged(given):
    """What Snakemake has: config.yaml, which holds the defaults, under what the user gives."""
    config = Config().model_dump()
    for section, content in given.items():
        config[section] = config[section] | content if isinstance(content, dict) else content
    return config


def test_a_file_is_read_as_it_was_written(folder):
    given = {"model": {"name": MODEL}}
    config, taken = with_model_settings(merged(given), given, folder)
    assert sorted(taken) == sorted(FOUND)
    for key, value in FOUND.items():
        section, name = key.split(".")
        assert config[section][name] == value
    expected = merged(given)
    for key in FOUND:
        section, name = key.split(".")
        expected[section][name] = config[section][name]
    assert config == expected
    text = settings_path(folder, MODEL).read_text(encoding="utf-8")
    assert "# Found by a search.\n# On few facts.\n" in text
    assert completed(config)["values"]["learning_rate"] == 0.25


def test_the_users_config_decides_even_where_it_says_the_default(folder):
    default = Config().deltas.covariance_weight
    given = {
        "model": {"name": MODEL},
        "deltas": {"covariance_weight": default},
        "edit": {"layers": [0, 1]},
    }
    config, taken = with_model_settings(merged(given), given, folder)
    assert taken == ["values.learning_rate", "corrections.k"]
    assert config["deltas"]["covariance_weight"] == default
    assert config["edit"]["layers"] == [0, 1]


def test_a_key_that_config_yaml_was_changed_at_is_the_users(folder):
    given = {"model": {"name": MODEL}}
    changed = merged(given)
    changed["corrections"] = changed["corrections"] | {"k": 7}
    config, taken = with_model_settings(changed, given, folder)
    assert config["corrections"]["k"] == 7
    assert "corrections.k" not in taken


def test_another_model_has_the_defaults(folder):
    given = {"model": {"name": "tiny-falcon"}}
    assert with_model_settings(merged(given), given, folder) == (merged(given), [])
    assert settings_notice("tiny-falcon", []) is None


def test_a_config_that_leaves_sections_out_gets_them(folder):
    config, taken = with_model_settings(
        {"model": {"name": MODEL}}, {"model": {"name": MODEL}}, folder
    )
    assert config["edit"] == {"layers": [1, 2]}
    assert sorted(taken) == sorted(FOUND)


@pytest.mark.parametrize("model", [None, [], {"name": None}, {"name": 3}])
def test_a_faulty_model_section_is_left_to_the_check(folder, model):
    given = {"model": model}
    assert with_model_settings(given, given, folder) == (given, [])


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"blocks": {"size": 3}}, "'blocks' is unknown; allowed: templates"),
        ({"values": {"stepss": 3}}, "values.stepss: unknown key"),
        ({"values": {"steps": 0}}, "values.steps: must be at least 1"),
        ({"values": 3}, "values: must be a mapping, found 3"),
        ([1], "must be a mapping of sections"),
        ({"tried": "no"}, "tried: must be true or false, found 'no'"),
    ],
)
def test_faults_name_the_file_and_the_key(folder, content, part):
    write(folder, yaml.safe_dump(content))
    given = {"model": {"name": MODEL}}
    with pytest.raises(ConfigError) as error:
        with_model_settings(merged(given), given, folder)
    assert str(settings_path(folder, MODEL)) in str(error.value)
    assert part in str(error.value)


def test_the_notice_names_file_and_keys():
    told = settings_notice(MODEL, ["edit.layers", "values.steps"])
    assert told == (
        "settings of the model, from resources/models/tiny-llama.settings.yaml:"
        " edit.layers, values.steps"
    )


def test_what_a_run_sets_otherwise_is_told(folder):
    given = {"model": {"name": MODEL}, "values": {"learning_rate": 0.5}, "edit": {"layers": [1, 2]}}
    config = completed(with_model_settings(merged(given), given, folder)[0])
    path = settings_path(folder, MODEL)
    told = overridden_notice(folder, MODEL, config)
    assert told == f"otherwise than in {path}: values.learning_rate 0.5 (there 0.25)"
    given = {"model": {"name": MODEL}}
    config = completed(with_model_settings(merged(given), given, folder)[0])
    assert overridden_notice(folder, MODEL, config) is None
    assert overridden_notice(folder, "another", config) is None


def test_untried_settings_are_said_to_be_until_a_search_takes_their_place(folder):
    assert untried_notice(folder, MODEL) is None
    assert untried_notice(folder, "of-my-own") is None
    write(folder, "tried: false\nedit: {layers: [1, 2]}\n")
    told = untried_notice(folder, MODEL)
    assert "\n" not in told
    assert f"{MODEL}: untried here" in told
    given = {"model": {"name": MODEL}}
    assert with_model_settings(merged(given), given, folder)[1] == ["edit.layers"]


SHIPPED = Path(__file__).resolve().parents[2] / "resources/models"
MODELS = sorted(p.name.removesuffix(".settings.yaml") for p in SHIPPED.glob("*.settings.yaml"))


@pytest.mark.parametrize("name", MODELS)
def test_shipped_settings_fit_their_model(name):
    spec = read_model_spec(SHIPPED, name)
    if spec.kind == "hub":
        assert len(spec.content["revision"]) == 40
    given = {"model": {"name": name}}
    config = completed(with_model_settings(merged(given), given, SHIPPED)[0])
    layers = config["edit"]["layers"]
    spread = spread_of(config["values"]["spread"], spec.architecture)
    assert spread_fault(spread, spec.architecture) is None
    # MEMIT's end at a third of the depth; layerwise ones at the middle, at most
    assert layers[-1] <= spec.n_layers // 2
    assert spread == LAYERWISE or layers[-1] > spec.n_layers // 8
    # fewer keys than dimensions leave a second moment that is singular
    facts = spec.content["architecture"]
    width = facts.get("intermediate_size", 4 * facts["hidden_size"])
    assert config["covariance"]["tokens"] >= 2 * width
    page = (SHIPPED.parents[1] / "docs/licences.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    assert row.endswith("| no |") == bool(untried_notice(SHIPPED, name))
