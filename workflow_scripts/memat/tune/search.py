"""The search for a model's settings: first those of the edit, then those of the corrections."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memat import io
from memat.edit.requests import facts_of_block
from memat.errors import NotEnoughFacts
from memat.fact_sets import TUNING
from memat.tune.bench import TrialSpec
from memat.tune.candidates import (
    Settings,
    candidate_id,
    edit_candidates,
    head_candidates,
    values_id,
)
from memat.tune.halving import (
    Outcome,
    Round,
    choose,
    facts_of_rounds,
    failure,
    halving,
    outcome_of,
)
from memat.tune.side_by_side import Do, side_by_side
from memat.tune.trials import Task, set_up_trials

log = logging.getLogger("memat")
LEAST_FACTS = 4
# rounds of the corrections: from fewer facts than half, probes learn next to nothing
ROUNDS_OF_HEADS = 2
# layers of one pass over the text: each takes 20 bytes · (MLP width)² while it runs
LAYERS_TOGETHER = 5


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
class Field:
    """Who does the work of a search and who hears of each round; what is better, and how it is cut.

    maximise: metrics; bound: on NS lost; facts: of each round.
    """

    do: Do
    spec: TrialSpec
    after_round: Callable[[Search], None]
    maximise: Sequence[str]
    bound: float
    facts: Sequence[int]


def search_settings(
    spec: TrialSpec,
    tune: Mapping,
    n_layers: int,
    n_heads: int,
    workers: int,
    after_round: Callable[[Sequence[Search]], None],
) -> list[Search]:
    """The search of the edit, then of the corrections on the chosen edit where k is not empty.

    tune: config section. n_heads: of the model, in all its layers. after_round: is given the
    searches as they stand.
    """
    n_facts = tuning_facts(spec)
    log.info("what is tried is kept in %s; a killed search goes on from there", spec.folder)
    candidates = edit_candidates(tune["edit"], n_layers, spec.seed)
    with side_by_side(set_up_trials, spec, workers) as do:
        _prepare(spec, candidates, do)
        bound, rounds = tune["neighbours_lost"], tune["rounds"]
        given = tune["edit"]["maximise"], bound, facts_of_rounds(n_facts, rounds)
        edit = search_edit(Field(do, spec, lambda found: after_round([found]), *given), candidates)
        of_heads = head_candidates(tune["corrections"], n_heads)
        if not of_heads:
            return [edit]
        facts = facts_of_rounds(n_facts, min(rounds, ROUNDS_OF_HEADS))
        given = tune["corrections"]["maximise"], bound, facts
        field = Field(do, spec, lambda found: after_round([edit, found]), *given)
        return [edit, search_corrections(field, edit.settings, of_heads)]


def tuning_facts(spec: TrialSpec) -> int:
    """How many tuning facts there are. Raises NotEnoughFacts where a language has hardly any."""
    bilingual, blocks = io.read_table(spec.bilingual), io.read_table(spec.blocks)
    for language in spec.templates:
        rows = facts_of_block(bilingual, blocks, TUNING, language, [language])
        found = rows["case_id"].n_unique()
        if found < LEAST_FACTS:
            raise NotEnoughFacts(
                f"tune: {found} tuning facts in '{language}'; at least {LEAST_FACTS} are needed"
                " (blocks.tuning, facts.tuning_ids)"
            )
    return blocks.filter(block=TUNING).height


def _prepare(spec: TrialSpec, candidates: Sequence[Settings], do: Do) -> None:
    """Covariance of every layer, and scores of the unedited model, as far as they are not there."""
    layers = sorted({layer for settings in candidates for layer in settings["edit.layers"]})
    missing = spec.moments(layers).missing()
    tasks = [
        Task("covariance", (missing[start : start + LAYERS_TOGETHER],))
        for start in range(0, len(missing), LAYERS_TOGETHER)
    ]
    if not spec.unedited.exists():
        tasks.append(Task("unedited", ()))
    work_off(do, "covariance, and scores of the unedited model", tasks)


def search_edit(field: Field, candidates: Sequence[Settings]) -> Search:
    """Try candidates of the edit in rounds; values that several share are found once."""

    def shared(open_ones: Sequence[Settings], n_facts: int) -> list[Task]:
        tasks = {
            values_id(settings, field.spec.spread, language): (settings, language, n_facts)
            for settings in open_ones
            for language in field.spec.templates
        }
        return [Task("values", arguments) for arguments in tasks.values()]

    return _search("edit", field, candidates, (), shared)


def search_corrections(field: Field, edit: Settings, candidates: Sequence[Settings]) -> Search:
    """Try candidates of the corrections on the chosen edit; its heads are ranked once a round."""

    def shared(open_ones: Sequence[Settings], n_facts: int) -> list[Task]:
        languages = field.spec.templates if open_ones else ()
        return [Task("ranking", (edit, language, n_facts)) for language in languages]

    # the edit is a part of a candidate, as corrections of another edit are other corrections
    whole = [{**edit, **settings} for settings in candidates]
    return _search("corrections", field, whole, (edit,), shared)


def _search(
    part: str,
    field: Field,
    candidates: Sequence[Settings],
    on: tuple,
    shared: Callable[[Sequence[Settings], int], list[Task]],
) -> Search:
    """Tasks of the name `part` get `on` before a candidate's settings, after those of `shared`."""
    by_name = {candidate_id(settings): settings for settings in candidates}
    spec = field.spec

    def outcome(settings: Settings, n_facts: int) -> Outcome:
        measured, failed = spec.kept(settings, n_facts)
        return failure(failed) if failed else outcome_of(measured, field.maximise)

    def attempt(number: int, names: Sequence[str], n_facts: int) -> dict[str, Outcome]:
        tried = {name: by_name[name] for name in names}
        open_ones = [s for s in tried.values() if not spec.record(s, n_facts).exists()]
        log.info(
            "tune %s, round %d of %d: %d candidates on %d facts, %d of them not yet tried",
            part, number, len(field.facts), len(names), n_facts, len(open_ones),
        )  # fmt: skip
        work_off(field.do, f"{part}, what round {number} shares", shared(open_ones, n_facts))
        # the other languages cost as much again, and count where one is chosen
        last = n_facts == field.facts[-1]
        tasks = [Task(part, (*on, settings, n_facts, last)) for settings in open_ones]

        def told(task: Task) -> str:
            settings = open_ones[tasks.index(task)]
            return f" | {in_words(settings, outcome(settings, n_facts))}"

        work_off(field.do, f"{part}, round {number}", tasks, told)
        return {name: outcome(settings, n_facts) for name, settings in tried.items()}

    rounds: list[Round] = []
    for finished in halving(list(by_name), field.facts, field.bound, attempt):
        rounds.append(finished)
        chosen, keeps = choose(finished.outcomes, field.bound)
        found = Search(part, by_name, list(rounds), chosen, keeps)
        log.info(
            "tune %s, round %d: best %s",
            part, finished.number, in_words(found.settings, found.outcome),
        )  # fmt: skip
        field.after_round(found)
    return found


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


def work_off(
    do: Do, what: str, tasks: Sequence[Task], told: Callable[[Task], str] = lambda _task: ""
) -> None:
    """Do the tasks, with a line on how far they are, and how long the rest takes, after each."""
    start = time.monotonic()
    for done, task in enumerate(do(tasks), start=1):
        left = (time.monotonic() - start) / done * (len(tasks) - done)
        log.info(
            "%s: %d of %d, about %.0f min left of it%s",
            what, done, len(tasks), left / 60, told(task),
        )  # fmt: skip
