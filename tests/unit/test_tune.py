"""The search for settings: what is tried, what goes on, what is chosen, and that it resumes."""

import dataclasses
import random
from math import prod
from statistics import harmonic_mean

import pytest

from memat.errors import NotEnoughFacts
from memat.study.config import Config
from memat.tune.candidates import (
    TUNED_KEYS,
    candidate_id,
    default_windows,
    edit_candidates,
    head_candidates,
    values_id,
)
from memat.tune.halving import (
    Measured,
    Outcome,
    better_half,
    choose,
    facts_of_rounds,
    failure,
    halving,
    outcome_of,
)

BOUND = 5.0
AXES = Config().tune.edit.model_dump()


def outcome(score, lost, magnitude=0.0):
    return Outcome({"en": score}, score, magnitude, {("en", "en"): lost})


def test_the_best_score_within_the_bound_is_chosen():
    tried = {
        "best but loses too much": outcome(90.0, 5.1),
        "best within": outcome(80.0, 5.0),
        "careful": outcome(70.0, -1.0),
    }
    assert choose(tried, BOUND) == ("best within", True)
    assert choose(tried, 4.9) == ("careful", True)
    assert choose(tried, 6.0) == ("best but loses too much", True)


def test_where_none_keeps_to_the_bound_the_least_loss_is_chosen():
    tried = {"a": outcome(90.0, 9.0), "b": outcome(60.0, 7.0), "c": outcome(61.0, 7.0)}
    assert choose(tried, BOUND) == ("c", False)


def test_the_bound_holds_in_every_pair_of_languages():
    worse_abroad = Outcome({"en": 90.0}, 90.0, 0.0, {("en", "en"): 1.0, ("en", "ca"): 6.0})
    assert worse_abroad.most_lost == 6.0
    assert choose({"abroad": worse_abroad, "home": outcome(50.0, 4.0)}, BOUND) == ("home", True)


def test_equal_scores_are_told_apart_by_their_magnitude():
    tried = {"weak": outcome(80.0, 0.0, 10.0), "strong": outcome(80.0, 4.0, 30.0)}
    assert choose(tried, BOUND) == ("strong", True)
    assert better_half(tried, BOUND) == ["strong"]


def test_a_candidate_that_failed_neither_goes_on_nor_is_chosen():
    tried = {"failed": failure("no number"), "poor": outcome(1.0, 99.0)}
    assert choose(tried, BOUND) == ("poor", False)
    assert better_half(tried, BOUND) == ["poor"]
    with pytest.raises(NotEnoughFacts, match="none of 1 candidates could be tried: no number"):
        choose({"failed": tried["failed"]}, BOUND)


def test_between_rounds_a_point_lost_beyond_the_bound_costs_a_point_of_the_score():
    tried = {"a": outcome(80.0, 9.0), "b": outcome(77.0, 5.0), "c": outcome(70.0, 0.0)}
    # a is worth 76, b 77, c 70
    assert better_half(tried, BOUND) == ["b", "a"]


def test_the_outcome_is_the_mean_over_edit_languages_of_the_harmonic_score():
    values = {
        ("en", "en"): {"ES": 90.0, "PS": 60.0, "NS": 70.0, "EM": 50.0, "PM": 20.0},
        ("en", "ca"): {"ES": 10.0, "PS": 10.0, "NS": 65.0, "EM": 0.0, "PM": 0.0},
        ("ca", "en"): {"ES": 10.0, "PS": 10.0, "NS": 75.0, "EM": 0.0, "PM": 0.0},
        ("ca", "ca"): {"ES": 80.0, "PS": 50.0, "NS": 60.0, "EM": 30.0, "PM": 10.0},
    }
    measured = [
        Measured(edit, asked, metric, value, 72.0)
        for (edit, asked), metrics in values.items()
        for metric, value in metrics.items()
    ]
    found = outcome_of(measured, ["S"])
    assert found.by_language["en"] == pytest.approx(harmonic_mean([90.0, 60.0, 70.0]))
    assert found.score == pytest.approx(
        (harmonic_mean([90.0, 60.0, 70.0]) + harmonic_mean([80.0, 50.0, 60.0])) / 2
    )
    assert found.magnitude == pytest.approx((35.0 + 20.0) / 2)
    assert found.lost == {("en", "en"): 2, ("en", "ca"): 7, ("ca", "en"): -3, ("ca", "ca"): 12}
    assert outcome_of(measured, ["EM", "PM"]).by_language == {"en": 35.0, "ca": 20.0}


@pytest.mark.parametrize(
    ("n_facts", "rounds", "facts"),
    [(30, 3, [8, 15, 30]), (30, 1, [30]), (8, 2, [4, 8]), (9, 3, [3, 5, 9])],
)
def test_facts_double_from_round_to_round_up_to_all(n_facts, rounds, facts):
    assert facts_of_rounds(n_facts, rounds) == facts


def test_the_better_half_goes_on_and_the_best_of_all_is_found_where_facts_agree():
    worth = {f"c{number}": float(number) for number in range(13)}
    seen = []

    def attempt(number, names, n_facts):
        seen.append((number, sorted(names), n_facts))
        return {name: outcome(worth[name], 0.0) for name in names}

    names = list(worth)
    random.Random(1).shuffle(names)
    rounds = list(halving(names, [2, 4, 8], BOUND, attempt))
    assert [len(names) for _, names, _ in seen] == [13, 7, 4]
    assert [n_facts for _, _, n_facts in seen] == [2, 4, 8]
    assert seen[-1][1] == ["c10", "c11", "c12", "c9"]
    assert choose(rounds[-1].outcomes, BOUND) == ("c12", True)


def test_every_value_setting_meets_every_setting_of_the_solve():
    axes = AXES | {"values_tried": 6}
    found = edit_candidates(axes, 18, 0)
    solves = ("covariance_weight", "key_templates", "protected_weight")
    assert len(found) == 6 * prod(len(axes[axis]) for axis in solves)
    assert len({candidate_id(settings) for settings in found}) == len(found)
    assert len({values_id(settings, "layerwise", "en") for settings in found}) == 6
    assert all(set(settings) <= set(TUNED_KEYS) for settings in found)
    assert found == edit_candidates(axes, 18, 0)
    assert found != edit_candidates(axes, 18, 1)


def test_windows_of_layers_are_drawn_evenly():
    axes = AXES | {"layers": [[1], [2], [3]], "values_tried": 7}
    found = edit_candidates(axes, 18, 3)
    drawn = {values_id(settings, "layerwise", "en"): settings["edit.layers"] for settings in found}
    counts = sorted(list(drawn.values()).count([layer]) for layer in (1, 2, 3))
    assert counts == [2, 2, 3]


def test_residual_values_are_shared_by_windows_with_the_same_last_layer():
    one, other = (
        {**edit_candidates(AXES, 18, 0)[0], "edit.layers": layers} for layers in ([3, 4, 5], [5])
    )
    assert values_id(one, "residual", "en") == values_id(other, "residual", "en")
    assert values_id(one, "layerwise", "en") != values_id(other, "layerwise", "en")
    assert values_id(one, "residual", "en") != values_id(one, "residual", "ca")


@pytest.mark.parametrize("n_layers", [2, 4, 12, 18, 30, 32])
def test_default_windows_end_below_the_last_layer(n_layers):
    windows = default_windows(n_layers)
    assert windows
    for window in windows:
        assert window == list(range(window[0], window[-1] + 1))
        assert window[0] >= 0
        assert window[-1] < n_layers - 1


def test_more_heads_than_the_model_has_are_not_tried():
    axes = {"k": [4, 16, 48], "learning_rate": [0.01, 0.1]}
    found = head_candidates(axes, 20)
    assert [settings["corrections.k"] for settings in found] == [4, 4, 16, 16]
    assert head_candidates(axes | {"k": []}, 20) == []


def test_a_failed_outcome_is_worse_than_any_number():
    worst = dataclasses.replace(outcome(-100.0, 100.0))
    assert failure("x").score < worst.score
    assert failure("x").most_lost > worst.most_lost
