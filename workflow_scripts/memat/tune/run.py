"""One search from its settings to what it found; a script gives it files and params."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from memat import io
from memat.edit.requests import facts_of_block
from memat.errors import NotEnoughFacts
from memat.fact_sets import TUNING
from memat.tune.candidates import Settings, edit_candidates, head_candidates
from memat.tune.halving import facts_of_rounds
from memat.tune.search import Field, Progress, Rules, Search, search_corrections, search_edit
from memat.tune.side_by_side import Do, side_by_side
from memat.tune.trials import Task, TrialSpec, set_up_trials

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
    candidates = edit_candidates(tune["edit"], n_layers, spec.fixed.seed)
    with side_by_side(set_up_trials, spec, workers) as do:
        _prepare(spec, candidates, do)
        bound, rounds = tune["neighbours_lost"], tune["rounds"]
        rules = Rules(tune["edit"]["maximise"], bound, facts_of_rounds(n_facts, rounds))
        field = Field(do, spec, lambda found: after_round([found]))
        edit = search_edit(field, candidates, rules)
        of_heads = head_candidates(tune["corrections"], n_heads)
        if not of_heads:
            return [edit]
        facts = facts_of_rounds(n_facts, min(rounds, ROUNDS_OF_HEADS))
        rules = Rules(tune["corrections"]["maximise"], bound, facts)
        field = Field(do, spec, lambda found: after_round([edit, found]))
        return [edit, search_corrections(field, edit.settings, of_heads, rules)]


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


def layers_tried(candidates: Iterable[Settings]) -> list[int]:
    """Every layer that some candidate edits, ascending."""
    return sorted({layer for settings in candidates for layer in settings["edit.layers"]})


def _prepare(spec: TrialSpec, candidates: Sequence[Settings], do: Do) -> None:
    """Covariance of every layer, and scores of the unedited model, as far as they are not there."""
    missing = spec.moments(layers_tried(candidates)).missing()
    parts = [
        missing[start : start + LAYERS_TOGETHER]
        for start in range(0, len(missing), LAYERS_TOGETHER)
    ]
    tasks = [Task("covariance", (part,)) for part in parts]
    if not spec.unedited.exists():
        tasks.append(Task("unedited", ()))
    told = Progress("covariance, and scores of the unedited model", len(tasks))
    for _task in do(tasks):
        told.one_more()
