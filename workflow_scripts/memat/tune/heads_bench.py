"""Candidates of the head corrections, tried on the chosen edit: see `memat.tune.bench`."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import torch

from memat.edit.requests import NEW, TRUE, facts_of_block, rewrite_requests, with_both_targets
from memat.edit.update import edited
from memat.heads.activations import dump_activations, object_numbers, refined
from memat.heads.corrections import CorrectionSettings, fit_corrections
from memat.heads.deployment import corrected, correction_biases
from memat.heads.probes import ProbeSettings, choose_heads, rank_heads, train_probes
from memat.tune.bench import (
    Bench,
    asked,
    asked_in,
    beside_unedited,
    metrics_of,
    solve_edit,
    tuning_set,
)
from memat.tune.candidates import Settings
from memat.tune.halving import Measured


@dataclass(frozen=True)
class HeadSettings:
    """What is not tuned of heads: `activations.refine`, the sections `probes` and `corrections`."""

    refine: bool
    probes: ProbeSettings
    corrections: Mapping[str, object]


def rank_edited_heads(
    bench: Bench, heads: HeadSettings, edit: Settings, language: str, n_facts: int
) -> pl.DataFrame:
    """`rank_heads` of the edited model on sentences of the language of the edit.

    Raises EmptySplit, NotConverged(layer, head), NonFiniteValue(case ids).
    """
    rows = with_both_targets(_rows(bench, language, n_facts))
    true, new = rewrite_requests(rows, TRUE), rewrite_requests(rows, NEW)
    labels = [0] * len(true) + [1] * len(new)
    with edited(bench.model, solve_edit(bench, edit, language, n_facts)):
        activations = dump_activations(bench.model, true + new, labels)
    groups = activations.case_ids
    if heads.probes.group == "object":
        groups = object_numbers([request.target for request in true + new])
    if heads.refine:
        activations, groups = refined(activations, groups)
    probes = train_probes(activations, groups, heads.probes, bench.fixed.seed)
    return rank_heads(probes, torch.zeros_like(probes.accuracy))


def measure_corrections(
    bench: Bench,
    heads: HeadSettings,
    edit: Settings,
    settings: Settings,
    rankings: Mapping[str, pl.DataFrame],
    n_facts: int,
    everywhere: bool,
    unedited: pl.DataFrame,
) -> list[Measured]:
    """Every metric of the edit with a candidate's corrections, heads in the language of the edit.

    rankings: of `rank_edited_heads`, by language. everywhere, unedited: as in `measure_edit`.
    """
    measured = []
    own = dict(heads.corrections)
    contexts, heads_per_layer = own.pop("contexts"), own.pop("heads_per_layer")
    own["learning_rate"] = settings["corrections.learning_rate"]
    for language in bench.languages:
        rows = asked(bench, tuning_set(n_facts), asked_in(bench, language, everywhere), [language])
        chosen = choose_heads(
            rankings[language], settings["corrections.k"], "located", bench.fixed.seed
        )
        with edited(bench.model, solve_edit(bench, edit, language, n_facts)):
            found = fit_corrections(
                bench.model,
                rewrite_requests(_rows(bench, language, n_facts), NEW),
                bench.templates[language][: 1 + contexts],
                bench.kl_prompts[language],
                chosen,
                CorrectionSettings(**own),
                bench.budget(gradients=True),
                bench.fixed.seed,
            )
            biases = correction_biases(bench.model, found.heads, found.omega, heads_per_layer)
            with corrected(bench.model, biases):
                metrics = metrics_of(bench, rows)
        measured += beside_unedited(metrics, unedited, language)
    return measured


def _rows(bench: Bench, language: str, n_facts: int) -> pl.DataFrame:
    tables = bench.tables
    return facts_of_block(
        tables.bilingual, tables.blocks, tuning_set(n_facts), language, [language]
    )
