"""The search for a model's settings: first those of the edit, then those of the corrections."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memat.tune.candidates import Settings, candidate_id, values_id
from memat.tune.halving import Outcome, Round, choose, failure, halving, outcome_of
from memat.tune.journal import Journal
from memat.tune.side_by_side import Do
from memat.tune.trials import Task, TrialSpec

log = logging.getLogger("memat")


@dataclass(frozen=True)
class Search:
    """Candidates of one kind, what became of them, and the chosen one.

    candidates: by name. keeps: whether the chosen one keeps to the bound.
    """

    part: str
    candidates: Mapping[str, Settings]
    rounds: Sequence[Round]
    chosen: str
    keeps: bool

    @property
    def settings(self) -> Settings:
        return self.candidates[self.chosen]

    @property
    def outcome(self) -> Outcome:
        """What the chosen candidate gave in the last round."""
        return self.rounds[-1].outcomes[self.chosen]


@dataclass(frozen=True)
class Rules:
    """What is better: the metrics maximised, the bound on NS lost, and the facts of each round."""

    maximise: Sequence[str]
    bound: float
    facts: Sequence[int]


@dataclass(frozen=True)
class Field:
    """Who does the work of a search, where its files are, and who hears of each round."""

    do: Do
    spec: TrialSpec
    after_round: Callable[[Search], None]


def search_edit(field: Field, candidates: Sequence[Settings], rules: Rules) -> Search:
    """Try candidates of the edit in rounds; values that several share are found once."""

    def shared(open_ones: Sequence[Settings], n_facts: int) -> list[Task]:
        tasks = {
            values_id(settings, field.spec.fixed.spread, language): (settings, language, n_facts)
            for settings in open_ones
            for language in field.spec.templates
        }
        return [Task("values", arguments) for arguments in tasks.values()]

    def own(settings: Settings, n_facts: int, last: bool) -> Task:
        return Task("edit", (settings, n_facts, last))

    return _search("edit", field, candidates, rules, shared, own)


def search_corrections(
    field: Field, edit: Settings, candidates: Sequence[Settings], rules: Rules
) -> Search:
    """Try candidates of the corrections on the chosen edit; its heads are ranked once a round."""

    def shared(open_ones: Sequence[Settings], n_facts: int) -> list[Task]:
        languages = field.spec.templates if open_ones else ()
        return [Task("ranking", (edit, language, n_facts)) for language in languages]

    def own(settings: Settings, n_facts: int, last: bool) -> Task:
        return Task("corrections", (edit, settings, n_facts, last))

    # the edit is a part of a candidate, as corrections of another edit are other corrections
    whole = [{**edit, **settings} for settings in candidates]
    return _search("corrections", field, whole, rules, shared, own)


def _search(
    part: str,
    field: Field,
    candidates: Sequence[Settings],
    rules: Rules,
    shared: Callable[[Sequence[Settings], int], list[Task]],
    own: Callable[[Settings, int, bool], Task],
) -> Search:
    by_name = {candidate_id(settings): settings for settings in candidates}
    journal = field.spec.journal

    def attempt(number: int, names: Sequence[str], n_facts: int) -> dict[str, Outcome]:
        open_ones = [by_name[name] for name in names if not journal.has(by_name[name], n_facts)]
        log.info(
            "tune %s, round %d of %d: %d candidates on %d facts, %d of them not yet tried",
            part, number, len(rules.facts), len(names), n_facts, len(open_ones),
        )  # fmt: skip
        before = shared(open_ones, n_facts)
        told = Progress(f"{part}, what round {number} shares", len(before))
        for _task in field.do(before):
            told.one_more()
        # the other languages cost as much again, and count where one is chosen
        last = n_facts == rules.facts[-1]
        tasks = [own(settings, n_facts, last) for settings in open_ones]
        told = Progress(f"{part}, round {number}", len(tasks))
        for task in field.do(tasks):
            settings = open_ones[tasks.index(task)]
            told.one_more(in_words(settings, read_outcome(journal, settings, n_facts, rules)))
        return {name: read_outcome(journal, by_name[name], n_facts, rules) for name in names}

    rounds: list[Round] = []
    for finished in halving(list(by_name), rules.facts, rules.bound, attempt):
        rounds.append(finished)
        chosen, keeps = choose(finished.outcomes, rules.bound)
        found = Search(part, by_name, list(rounds), chosen, keeps)
        log.info(
            "tune %s, round %d: best %s",
            part, finished.number, in_words(found.settings, found.outcome),
        )  # fmt: skip
        field.after_round(found)
    return found


def read_outcome(journal: Journal, settings: Settings, n_facts: int, rules: Rules) -> Outcome:
    """The outcome of a candidate that has been tried."""
    measured, failed = journal.read(settings, n_facts)
    return failure(failed) if failed else outcome_of(measured, rules.maximise)


def in_words(settings: Settings, outcome: Outcome) -> str:
    """`edit.layers 5-9, …: score 71.2 (en 74.0, ca 68.4), NS -3.1`."""
    told = ", ".join(f"{key} {shown(value)}" for key, value in settings.items())
    if outcome.failed:
        return f"{told}: {outcome.failed}"
    own = ", ".join(f"{code} {value:.1f}" for code, value in outcome.by_language.items())
    return f"{told}: score {outcome.score:.1f} ({own}), NS lost {outcome.most_lost:.1f}"


def shown(value: object) -> str:
    """A setting as text; layers in a row as their first and last."""
    if isinstance(value, list):
        row = list(range(value[0], value[-1] + 1))
        return f"{value[0]}-{value[-1]}" if value == row else "+".join(map(str, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


class Progress:
    """Lines on how far a round is, and how long the rest of it takes."""

    def __init__(self, what: str, total: int):
        self.what, self.total, self.done, self.start = what, total, 0, time.monotonic()

    def one_more(self, told: str = "") -> None:
        self.done += 1
        left = (time.monotonic() - self.start) / self.done * (self.total - self.done)
        log.info(
            "%s: %d of %d, about %.0f min left of it%s",
            self.what, self.done, self.total, left / 60, told and f" | {told}",
        )  # fmt: skip
