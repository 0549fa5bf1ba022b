"""Which candidates go on, and which one is chosen.

Successive halving (Jamieson & Talwalkar 2016): every candidate is tried on a few facts, the better
half on twice as many, and so on. All numbers are in percent or points of a percent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

import numpy as np

from memat.errors import NotEnoughFacts
from memat.evaluate.fact_metrics import harmonic_mean

Candidate = TypeVar("Candidate")
SCORE, SCORE_PARTS = "S", ("ES", "PS", "NS")
NEIGHBOURS = "NS"
MAGNITUDES = ("EM", "PM")


@dataclass(frozen=True)
class Measured:
    """What one metric became: edited and unedited model, asked the same facts, in percent."""

    edit_language: str
    asked_in: str
    metric: str
    value: float
    unedited: float


@dataclass(frozen=True)
class Outcome:
    """A candidate's numbers. failed: why there are none.

    score: what is maximised, by edit language and in the mean; magnitude decides between
    equals. lost: points of NS below the unedited model, by (edit language, asked in).
    """

    by_language: Mapping[str, float]
    score: float
    magnitude: float
    lost: Mapping[tuple[str, str], float]
    failed: str | None = None

    @property
    def most_lost(self) -> float:
        """Points of NS lost in the pair of languages where most are."""
        return max(self.lost.values(), default=float("inf"))

    def excess(self, bound: float) -> float:
        """Points of NS lost beyond the bound."""
        return max(0.0, self.most_lost - bound)


def outcome_of(measured: Sequence[Measured], maximise: Sequence[str]) -> Outcome:
    """The numbers that candidates are compared by."""
    own = [found for found in measured if found.edit_language == found.asked_in]
    languages = list(dict.fromkeys(found.edit_language for found in measured))
    by_language = {code: _mean_of(own, code, maximise) for code in languages}
    return Outcome(
        by_language=by_language,
        score=float(np.mean(list(by_language.values()))),
        magnitude=float(np.mean([_mean_of(own, code, MAGNITUDES) for code in languages])),
        lost={
            (found.edit_language, found.asked_in): found.unedited - found.value
            for found in measured
            if found.metric == NEIGHBOURS
        },
    )


def failure(reason: str) -> Outcome:
    """The outcome of a candidate that could not be tried, worse than any other."""
    return Outcome({}, float("-inf"), float("-inf"), {}, reason)


def _mean_of(own: Sequence[Measured], language: str, metrics: Sequence[str]) -> float:
    values = {found.metric: found.value for found in own if found.edit_language == language}
    if all(part in values for part in SCORE_PARTS):
        values[SCORE] = float(harmonic_mean([values[part] for part in SCORE_PARTS]))
    known = [values[metric] for metric in metrics if metric in values]
    if not known:
        raise NotEnoughFacts(
            f"tune: no tuning fact in '{language}' has prompts for {', '.join(metrics)}"
        )
    return float(np.mean(known))


def facts_of_rounds(n_facts: int, rounds: int) -> list[int]:
    """Facts of each round: all in the last one, half as many in each before it."""
    return [ceil(n_facts / 2**left) for left in reversed(range(rounds))]


def better_half(outcomes: Mapping[str, Outcome], bound: float) -> list[str]:
    """Names of the candidates that go on, best first.

    Few facts measure neighbours roughly, so a point of NS beyond the bound costs a point of the
    score here, and only the last round holds to the bound (`choose`).
    """

    able = {name: found for name, found in outcomes.items() if found.failed is None}
    worth = {name: (f.score - f.excess(bound), f.magnitude, name) for name, f in able.items()}
    return sorted(able, key=worth.get, reverse=True)[: ceil(len(outcomes) / 2)]


def choose(outcomes: Mapping[str, Outcome], bound: float) -> tuple[str, bool]:
    """The best candidate, and whether it keeps to the bound.

    The highest score of those that lose at most `bound` points of NS in every pair of languages;
    where there is none, the least loss, and the score after it. Equal scores: the magnitude.
    Raises NotEnoughFacts where every candidate failed.
    """
    able = {name: found for name, found in outcomes.items() if found.failed is None}
    if not able:
        reasons = "; ".join(dict.fromkeys(found.failed or "" for found in outcomes.values()))
        raise NotEnoughFacts(f"tune: none of {len(outcomes)} candidates could be tried: {reasons}")
    keeping = {name: found for name, found in able.items() if not found.excess(bound)}

    def worth(name: str) -> tuple:
        found = able[name]
        return (0 if keeping else -found.most_lost, found.score, found.magnitude, name)

    return max(keeping or able, key=worth), bool(keeping)


@dataclass(frozen=True)
class Round:
    """One round of a search: its number from 1, its facts, and what each candidate gave."""

    number: int
    n_facts: int
    outcomes: Mapping[str, Outcome]


def halving(
    names: Sequence[str],
    facts: Sequence[int],
    bound: float,
    attempt: Callable[[int, Sequence[str], int], Mapping[str, Outcome]],
) -> Iterator[Round]:
    """The rounds of a search, the better half of the candidates going on to the next.

    facts: of each round. attempt: (round, names, facts) → outcome of each name.
    """
    for number, n_facts in enumerate(facts, start=1):
        outcomes = attempt(number, names, n_facts)
        yield Round(number, n_facts, outcomes)
        names = better_half(outcomes, bound)
        if not names:
            return
