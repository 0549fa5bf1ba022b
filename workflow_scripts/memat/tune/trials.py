"""The tasks of a search, each of which ends in a file of the search's folder.

A process gets a `TrialSpec`, which is plain data, and loads what it names. What is already
there is left as it is, so a search that was killed, or is given more candidates, goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import polars as pl
import torch

from memat import io
from memat.edit.covariance import key_moments, mean_moments
from memat.edit.requests import NEW, TRUE, facts_of_block, rewrite_requests, with_both_targets
from memat.edit.update import edited
from memat.errors import EmptySplit, NonFiniteValue, NotConverged
from memat.fact_sets import TUNING, first
from memat.heads.activations import dump_activations, object_numbers, refined
from memat.heads.corrections import CorrectionSettings, fit_corrections
from memat.heads.deployment import corrected, correction_biases
from memat.heads.probes import ProbeSettings, choose_heads, rank_heads, train_probes
from memat.model.for_stage import model_for
from memat.tune.bench import (
    Bench,
    TrialSpec,
    asked,
    find_values,
    measure,
    metrics_of,
    solve_edit,
)
from memat.tune.candidates import Settings

# faults of a candidate, not of the search
FAILURES = (NonFiniteValue, NotConverged, EmptySplit)


@dataclass(frozen=True)
class Task:
    """One thing to do: the name of a function of `TASKS`, and its arguments as plain data."""

    what: str
    arguments: tuple


def set_up_trials(spec: TrialSpec) -> Callable[[Task], None]:
    """Load model and facts; returns what does a task."""
    bench = Bench(
        spec,
        model_for(spec.manifest, dict(spec.compute)),
        *map(io.read_table, (spec.bilingual, spec.blocks, spec.rejected)),
        {code: io.read_json(path)["templates"] for code, path in spec.templates.items()},
    )
    return lambda task: TASKS[task.what](bench, *task.arguments)


def _covariance(bench: Bench, layers: Sequence[int]) -> None:
    """C of some layers, float32, in one pass over the text."""
    spec = bench.spec
    found = key_moments(
        bench.model,
        io.read_table(spec.text)["text"].to_list(),
        layers,
        tokens=spec.covariance["tokens"],
        max_length=spec.covariance["sequence_length"],
        token_budget=bench.budget(gradients=False),
        rows_together=spec.covariance["batch_size"],
    )
    spec.moments(layers).write(mean_moments([found])[0], spec.provenance)


def _unedited(bench: Bench) -> None:
    """What the unedited model says on all tuning facts, in every language."""
    metrics = metrics_of(bench, asked(bench, TUNING, bench.languages, []))
    io.write_table(bench.spec.unedited, metrics, bench.spec.provenance)


def _values(bench: Bench, settings: Settings, language: str, n_facts: int) -> None:
    """Values of an edit in one language; one that fails is told by each who needs it."""
    with suppress(*FAILURES):
        find_values(bench, settings, language, n_facts)


def _edit(bench: Bench, settings: Settings, n_facts: int, everywhere: bool) -> None:
    """Try a candidate of the edit."""

    def edited_in(language: str) -> AbstractContextManager:
        return edited(bench.model, solve_edit(bench, settings, language, n_facts))

    _try(bench, settings, n_facts, everywhere, edited_in)


def _ranking(bench: Bench, edit: Settings, language: str, n_facts: int) -> None:
    """Probe the heads of the edited model on sentences of the language of the edit.

    Raises EmptySplit, NotConverged(layer, head), NonFiniteValue(case ids).
    """
    spec = bench.spec
    path = spec.ranking(edit, language, n_facts)
    if path.exists():
        return
    rows = with_both_targets(_facts(bench, language, n_facts))
    true, new = rewrite_requests(rows, TRUE), rewrite_requests(rows, NEW)
    labels = [0] * len(true) + [1] * len(new)
    with edited(bench.model, solve_edit(bench, edit, language, n_facts)):
        activations = dump_activations(bench.model, true + new, labels)
    settings, groups = ProbeSettings(**spec.probes), activations.case_ids
    if settings.group == "object":
        groups = object_numbers([request.target for request in true + new])
    if spec.refine:
        activations, groups = refined(activations, groups)
    probes = train_probes(activations, groups, settings, spec.seed)
    io.write_table(path, rank_heads(probes, torch.zeros_like(probes.accuracy)), spec.provenance)


def _corrections(
    bench: Bench, edit: Settings, settings: Settings, n_facts: int, everywhere: bool
) -> None:
    """Try a candidate of the corrections on an edit; `settings` hold those of both."""
    spec, own = bench.spec, dict(bench.spec.corrections)
    contexts, heads_per_layer = own.pop("contexts"), own.pop("heads_per_layer")
    own["learning_rate"] = settings["corrections.learning_rate"]

    @contextmanager
    def edited_in(language: str) -> Iterator[None]:
        ranking = io.read_table(spec.ranking(edit, language, n_facts))
        heads = choose_heads(ranking, settings["corrections.k"], "located", spec.seed)
        with edited(bench.model, solve_edit(bench, edit, language, n_facts)):
            found = fit_corrections(
                bench.model,
                rewrite_requests(_facts(bench, language, n_facts), NEW),
                bench.templates[language][: 1 + contexts],
                spec.kl_prompts[language],
                heads,
                CorrectionSettings(**own),
                bench.budget(gradients=True),
                spec.seed,
            )
            biases = correction_biases(bench.model, found.heads, found.omega, heads_per_layer)
            with corrected(bench.model, biases):
                yield

    _try(bench, settings, n_facts, everywhere, edited_in)


TASKS = {
    "covariance": _covariance,
    "unedited": _unedited,
    "values": _values,
    "edit": _edit,
    "ranking": _ranking,
    "corrections": _corrections,
}


def _try(bench: Bench, settings: Settings, n_facts: int, everywhere: bool, edited_in) -> None:
    """Measure a candidate and keep what it gave, or why it could not be tried."""
    try:
        measured, failed = measure(bench, n_facts, everywhere, edited_in), None
    except FAILURES as error:
        measured, failed = [], str(error)
    bench.spec.keep(settings, n_facts, measured, failed)


def _facts(bench: Bench, language: str, n_facts: int) -> pl.DataFrame:
    place = first(TUNING, n_facts), language, [language]
    return facts_of_block(bench.bilingual, bench.blocks, *place)
