"""The place where candidates are tried: the model once in memory, and the facts they are tried on.

What the stages of a run do one after the other is done here with the same functions and the
same settings, so a candidate's numbers are those that a run with its settings gives on the
same facts. Values are kept in a file for each of their settings and languages, which grows with
the facts: facts do not interact, so those of an earlier round stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import torch

from memat.edit.keys import subject_keys
from memat.edit.protected_subjects import choose_protected, protected_requests, subjects_of_facts
from memat.edit.requests import asked_of_block, requests_of_block, without_prompts
from memat.edit.update import (
    NOTHING,
    Delta,
    DeltaSettings,
    edited,
    spread,
)
from memat.edit.values import ValueSettings, optimise_values
from memat.evaluate.asked import scored_rows
from memat.evaluate.distracted import prompts_of_types
from memat.evaluate.fact_metrics import fact_metrics
from memat.evaluate.pairing import rows_to_score
from memat.evaluate.prompt_types import SCORED
from memat.fact_sets import TUNING, first
from memat.model.budget import token_budget
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import read_tensors, write_tensors
from memat.tune.candidates import Settings, value_layers, values_id
from memat.tune.halving import Measured

FAMILIES = ("success", "magnitude", "accuracy")  # those that read no answers


@dataclass(frozen=True)
class Tables:
    """The dataset as the stages of an edit read it."""

    bilingual: pl.DataFrame
    blocks: pl.DataFrame
    rejected: pl.DataFrame


@dataclass(frozen=True)
class FixedSettings:
    """What is not tuned: the config's sections as far as candidates leave them, and the spread."""

    values: Mapping[str, float]
    deltas: Mapping[str, object]
    spread: str
    pairing: str
    probability: str
    seed: int


@dataclass(frozen=True)
class Bench:
    """A model, its facts and settings, and the folder that values are kept in.

    templates, kl_prompts: by language, in the order of the run's languages. moments: C of every
    layer that is tried, (d_ff, d_ff). memory_mb: what the batches of one process may use.
    """

    model: EditableModel
    tables: Tables
    templates: Mapping[str, Sequence[str]]
    kl_prompts: Mapping[str, str]
    moments: Mapping[int, torch.Tensor]
    fixed: FixedSettings
    memory_mb: int
    folder: Path
    provenance: Provenance
    protected: dict[tuple, Mapping[int, torch.Tensor]] = field(default_factory=dict)

    def protected_keys(self, settings: Settings) -> Mapping[int, torch.Tensor]:
        """K₀ of the edit layers where subjects are protected, read once for equal settings."""
        if not settings["covariance.protected_subjects.weight"]:
            return NOTHING
        layers, weights = settings["edit.layers"], settings["deltas.key_templates"]
        if (key := (*layers, weights)) not in self.protected:
            tables = self.tables
            candidates = subjects_of_facts(tables.bilingual, tables.blocks, TUNING)
            kept, _ = choose_protected(candidates, tables.bilingual, tables.blocks, TUNING)
            requests = protected_requests(kept, self.languages)
            self.protected[key] = subject_keys(
                self.model,
                list(requests.values()),
                [self.templates[code] for code in requests],
                layers,
                weights,
                self.budget(gradients=False),
            )
        return self.protected[key]

    @property
    def languages(self) -> list[str]:
        return list(self.templates)

    def budget(self, gradients: bool) -> int:
        return token_budget(self.model, self.memory_mb, gradients)


def find_values(bench: Bench, settings: Settings, language: str, n_facts: int) -> torch.Tensor:
    """z of the first `n_facts` tuning facts that have the language, of those without a value yet
    optimised now: (n_facts, d_model), or (n_layers, n_facts, d_model) of layerwise values.

    Raises NonFiniteValue(case id).
    """
    way = bench.fixed.spread
    path = bench.folder / "values" / f"{values_id(settings, way, language)}.safetensors"
    (requests,) = _requests(bench, language, n_facts)
    known = read_tensors(path)[0] if path.exists() else None
    cases = known["case_ids"].tolist() if known else []
    missing = [request for request in requests if request.case_id not in cases]
    if missing:
        found = optimise_values(
            bench.model,
            [missing],
            [bench.templates[language]],
            [bench.kl_prompts[language]],
            value_layers(settings, way),
            ValueSettings(
                **bench.fixed.values,
                learning_rate=settings["values.learning_rate"],
                clamp=settings["values.clamp"],
                steps=settings["values.steps"],
                spread=way,
            ),
            bench.budget(gradients=True),
        )
        z = found.z.squeeze(-3)
        cases += [request.case_id for request in missing]
        known = {
            "z": torch.cat([known["z"], z], dim=-2) if known else z,
            "case_ids": torch.tensor(cases, dtype=torch.long),
        }
        write_tensors(path, known, bench.provenance)
    places = [cases.index(request.case_id) for request in requests]
    return known["z"][..., places, :]


def solve_edit(bench: Bench, settings: Settings, language: str, n_facts: int) -> dict[int, Delta]:
    """The deltas of a candidate on the first `n_facts` tuning facts in one language.

    Raises NonFiniteValue(layer, case id).
    """
    layers = settings["edit.layers"]
    deltas, _keys = spread(
        bench.model,
        _requests(bench, language, n_facts),
        find_values(bench, settings, language, n_facts),
        [bench.templates[language]],
        {layer: bench.moments[layer] for layer in layers},
        layers,
        DeltaSettings(
            covariance_weight=settings["deltas.covariance_weight"],
            key_templates=settings["deltas.key_templates"],
            spread=bench.fixed.spread,
            protected_weight=settings["covariance.protected_subjects.weight"],
            **bench.fixed.deltas,
        ),
        bench.budget(gradients=False),
        bench.protected_keys(settings),
    )
    return deltas


def measure_edit(
    bench: Bench, settings: Settings, n_facts: int, everywhere: bool, unedited: pl.DataFrame
) -> list[Measured]:
    """Every metric of a candidate's edit in each language, beside the unedited model.

    everywhere: asked in every language, not only in that of the edit. unedited: of
    `unedited_metrics`.
    """
    measured = []
    for language in bench.languages:
        rows = asked(bench, tuning_set(n_facts), asked_in(bench, language, everywhere), [language])
        with edited(bench.model, solve_edit(bench, settings, language, n_facts)):
            metrics = metrics_of(bench, rows)
        measured += beside_unedited(metrics, unedited, language)
    return measured


def unedited_metrics(bench: Bench) -> pl.DataFrame:
    """`fact_metrics` of the unedited model on all tuning facts in every language."""
    return metrics_of(bench, asked(bench, TUNING, bench.languages, []))


def asked_in(bench: Bench, edit_language: str, everywhere: bool) -> list[str]:
    """Languages that an edited model is asked in."""
    return bench.languages if everywhere else [edit_language]


def asked(bench: Bench, block: str, languages: Sequence[str], held: Sequence[str]) -> pl.DataFrame:
    """The prompts that a model is asked on the facts of a set that have the languages of its edit."""
    tables = bench.tables
    rows = asked_of_block(tables.bilingual, tables.blocks, block, languages, held)
    rows = prompts_of_types(without_prompts(rows, tables.rejected), SCORED)
    targets = [code for code in bench.languages[1:] if code in languages]
    return rows_to_score(rows, targets, bench.fixed.pairing)


def metrics_of(bench: Bench, rows: pl.DataFrame) -> pl.DataFrame:
    """`fact_metrics` of the model as it is now."""
    scores = scored_rows(bench.model, rows).with_columns(block=pl.lit(TUNING))
    return fact_metrics(scores, FAMILIES, bench.fixed.probability)


def beside_unedited(
    metrics: pl.DataFrame, unedited: pl.DataFrame, edit_language: str
) -> list[Measured]:
    """Means over facts in percent, of both models on the same facts."""
    keys = ["case_id", "language", "metric"]
    both = metrics.join(unedited.select(*keys, before="value"), on=keys)
    means = both.group_by("language", "metric", maintain_order=True).agg(
        pl.col("value").mean() * 100, pl.col("before").mean() * 100
    )
    return [Measured(edit_language, *row) for row in means.iter_rows()]


def tuning_set(n_facts: int) -> str:
    """The set of the first `n_facts` tuning facts."""
    return first(TUNING, n_facts)


def _requests(bench: Bench, language: str, n_facts: int):
    """The facts to store, (1, n_facts), as a stage takes them."""
    tables = bench.tables
    return requests_of_block(tables.bilingual, tables.blocks, tuning_set(n_facts), [language])
