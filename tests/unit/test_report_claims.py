"""Verdicts follow from intervals alone; the intervals are right."""

import math

import numpy as np
import polars as pl
import pytest

from memat.report.claims import (
    Claim,
    Evidence,
    claims_markdown,
    compared_pairs,
    measured_claims,
    peaks_frame,
    wilson,
)
from memat.report.curves import TRANSFER_SCHEMA
from memat.report.tables import DIFFERENCES_SCHEMA
from memat.study.config import completed
from memat.study.plan import plan_study

CONFIG = completed({"facts": {"path": "facts.json"}, "blocks": {"size": 100, "donor": 50}})
PLANNED = [claim.described() for claim in plan_study(CONFIG).claims]

ABOVE, BELOW, WITHIN = (
    Evidence("a", 2, 1, 3),
    Evidence("b", -2, -3, -1),
    Evidence("c", 0, -1, 1),
)


@pytest.mark.parametrize(
    ("evidence", "any_of", "verdict"),
    [
        ((ABOVE, ABOVE), False, "reproduced"),
        ((ABOVE, WITHIN), False, "undecided"),
        ((ABOVE, BELOW), False, "not reproduced"),
        ((WITHIN,), False, "undecided"),
        ((), False, "undecided"),
        ((ABOVE, BELOW), True, "reproduced"),
        ((WITHIN, BELOW), True, "undecided"),
        ((BELOW, BELOW), True, "not reproduced"),
    ],
)
def test_a_verdict_needs_all_intervals_or_one(evidence, any_of, verdict):
    assert Claim("text", "place", evidence, any_of).verdict == verdict


def test_a_bound_of_ten_points_is_not_zero():
    by_four = Evidence("gain", 4, 3, 5, bound=10)
    assert Claim("more than 10", "here", (by_four,)).verdict == "not reproduced"


@pytest.mark.parametrize(("share", "n"), [(0.5, 20), (0.9, 40), (1.0, 10), (0.0, 10)])
def test_wilson_solves_its_equation(share, n):
    # the ends are the p with |share − p| = z·sqrt(p(1−p)/n)
    for end in wilson(share, n):
        assert abs(share - end) == pytest.approx(1.96 * math.sqrt(end * (1 - end) / n), abs=1e-9)


def differences(value):
    rows = [
        {
            **{"experiment": experiment, "baseline": baseline, "eval_language": language},
            **{"metric": metric, "n_facts": 100},
            **{"difference": value, "low": value - 1, "high": value + 1},
        }
        for experiment, baseline in compared_pairs(PLANNED)
        for language in ("en", "ca")
        for metric in ("ES", "PS", "NS", "EM", "PM", "NM", "EA")
    ]
    return pl.DataFrame(rows, schema=DIFFERENCES_SCHEMA)


def transfer(value):
    row = ("memit_ca", "ca", "en", "ES", 80, 20, value, value - 1, value + 1)
    return pl.DataFrame([row], schema=TRANSFER_SCHEMA, orient="row")


def peaks(peak, shuffled):
    table = pl.DataFrame(
        {
            "rank": [1, 2],
            "accuracy": [peak, 0.5],
            "shuffled_accuracy": [0.4, shuffled],
            "test_accuracy": [0.75, 0.5],
            "n_validation": [200, 200],
        }
    )
    return peaks_frame([{"edit": "memit-ca", "language": "en", "block": "0"}], [table], k=1)


def test_peaks_are_the_best_of_each_side():
    assert peaks(0.8, 0.6).row(0, named=True) == {
        **{"edit": "memit-ca", "language": "en", "block": "0"},
        **{"peak": 80.0, "shuffled_peak": 60.0, "test": 75.0, "facts": 100},
    }


def verdicts(value, peak=0.8, shuffled=0.5):
    maps = dict.fromkeys(("figure2", "figure8"), peaks(peak, shuffled))
    claims = measured_claims(PLANNED, differences(value), {"figure1": transfer(value)}, maps)
    return {claim.text.split(",")[0]: claim.verdict for claim in claims}, claims


def test_clear_gains_reproduce_what_claims_gains():
    found, claims = verdicts(15.0)
    assert set(found.values()) == {"reproduced"}
    assert len(found) == 9
    assert all(claim.evidence for claim in claims)


def test_clear_losses_reproduce_none_of_them():
    found, _ = verdicts(-15.0, peak=0.5, shuffled=0.8)
    assert set(found.values()) == {"not reproduced"}


def test_located_heads_are_held_against_random_ones_in_their_language():
    _, claims = verdicts(15.0)
    claim = next(claim for claim in claims if claim.text.startswith("located heads"))
    assert {item.what for item in claim.evidence} == {
        f"memat_{code}_{code} − random_{code}_{code}, {metric} {code}"
        for code in ("en", "ca")
        for metric in ("ES", "PS", "EM", "PM")
    }


def test_nothing_measured_is_undecided():
    found, _ = verdicts(0.0, peak=0.6, shuffled=0.6)
    undecided = {text for text, verdict in found.items() if verdict == "undecided"}
    # a gain of more than ten points is excluded by intervals around zero
    assert set(found) - undecided == {"… in some of them by more than 10 points"}


def test_the_page_has_a_line_a_claim_with_counts():
    _, claims = verdicts(15.0)
    lines = claims_markdown(claims, shown=2).splitlines()
    assert len(lines) == 2 + len(claims)
    ahead = next(line for line in lines if "MEMAT is ahead of MEMIT" in line)
    assert "**reproduced**" in ahead
    assert "for it: 48, against: 0, undecided: 0" in ahead
    assert "and 46 more" in ahead
    assert np.all([line.count("|") == 5 for line in lines])
