"""One search from its settings to what it found; a script gives it files and params."""

import logging
from collections.abc import Callable, Mapping, Sequence

from memat import io
from memat.edit.requests import facts_of_block
from memat.errors import NotEnoughFacts
from memat.fact_sets import TUNING
from memat.tune.bench import TrialSpec
from memat.tune.candidates import Settings, edit_candidates, head_candidates
from memat.tune.halving import facts_of_rounds
from memat.tune.search import Field, Search, search_corrections, search_edit, work_off
from memat.tune.side_by_side import Do, side_by_side
from memat.tune.trials import Task, set_up_trials

log = logging.getLogger("memat")
LEAST_FACTS = 4
# rounds of the corrections: from fewer facts than half, probes learn next to nothing
ROUNDS_OF_HEADS = 2
# layers of one pass over the text: each takes 20 bytes · (MLP width)² while it runs
LAYERS_TOGETHER = 5


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
