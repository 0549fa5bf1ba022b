"""What a script reads of its params is known, however it reads it."""

from types import SimpleNamespace

import pytest

from memat.provenance import Provenance
from memat.stage import Given, Stage

CFG = {"steps": 3, "own": {"share": 0.1, "weight": 2}, "rate": 0.5}


def stage(cfg=CFG, **params):
    empty = SimpleNamespace()
    return Stage("solve", empty, empty, cfg, SimpleNamespace(**params), 1, Provenance("", {}, ""))


def keywords(**found):
    return found


@pytest.mark.parametrize(
    ("reading", "left"),
    [
        (lambda cfg: None, ["steps", "own.share", "own.weight", "rate"]),
        (lambda cfg: list(cfg), ["steps", "own.share", "own.weight", "rate"]),
        (lambda cfg: "steps" in cfg, ["steps", "own.share", "own.weight", "rate"]),
        (lambda cfg: cfg["steps"], ["own.share", "own.weight", "rate"]),
        (lambda cfg: cfg.get("rate"), ["steps", "own.share", "own.weight"]),
        (lambda cfg: cfg["own"]["share"], ["steps", "own.weight", "rate"]),
        (lambda cfg: cfg["own"], ["steps", "own.share", "own.weight", "rate"]),
        (lambda cfg: keywords(**cfg["own"]), ["steps", "rate"]),
        (lambda cfg: keywords(**cfg), ["own.share", "own.weight"]),
        (lambda cfg: cfg | {"a": 1}, ["own.share", "own.weight"]),
        (lambda cfg: cfg.items(), ["own.share", "own.weight"]),
        (lambda cfg: dict(cfg).pop("steps"), ["own.share", "own.weight"]),
    ],
)
def test_what_is_left_unread(reading, left):
    given = stage()
    reading(given.cfg)
    assert given.unread() == [f"cfg.{name}" for name in left]


def test_params_are_read_as_attributes():
    given = stage({}, seed=1, block="0")
    assert given.params.seed == 1
    assert given.unread() == ["block"]
    assert getattr(given.params, "other", None) is None
    assert not hasattr(given.params, "other")


def test_what_is_no_param_is_named_with_its_rule():
    with pytest.raises(KeyError, match=r"rule solve gives its script no param cfg\.own\.step"):
        stage().cfg["own"]["step"]
    with pytest.raises(AttributeError, match="rule solve gives its script no param seed"):
        _ = stage().params.seed


def test_a_section_is_a_plain_dict_otherwise():
    given = Given("solve", CFG)
    assert given == CFG
    assert dict(given) == CFG
    assert given.pop("steps") == 3
    assert "steps" not in given
