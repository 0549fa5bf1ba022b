"""The place where candidates are tried: the model once in memory, and the facts they are tried on.

What the stages of a run do one after the other is done here with the same functions and the
same settings, so a candidate's numbers are those that a run with its settings gives on the
same facts. Values are kept in a file for each of their settings and languages, which grows with
the facts: facts do not interact, so those of an earlier round stay as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field
from pathlib import Path

import polars as pl
import torch

from memat import io
from memat.edit.keys import subject_keys
from memat.edit.protected_subjects import choose_protected, protected_requests, subjects_of_facts
from memat.edit.requests import asked_of_block, requests_of_block, without_prompts
from memat.edit.storage import LayerMoments
from memat.edit.update import NOTHING, Delta, DeltaSettings, spread
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
from memat.tune.candidates import Settings, candidate_id, value_layers, values_id
from memat.tune.halving import Measured

FAMILIES = ("success", "magnitude", "accuracy")  # those that read no answers


@dataclass(frozen=True)
class TrialSpec:
    """What a process needs to try candidates: files, and settings that are not tuned.

    templates: files by language, in the order of the run's; kl_prompts likewise. values, deltas,
    probes, corrections: the config's sections as far as candidates leave them. covariance: tokens,
    sequence_length and batch_size. memory_mb: what the batches of one process may use. folder: of
    the search; its name tells what everything in it rests on.
    """

    manifest: str
    compute: Mapping[str, str]
    bilingual: str
    blocks: str
    rejected: str
    text: str
    templates: Mapping[str, str]
    kl_prompts: Mapping[str, str]
    values: Mapping[str, float]
    deltas: Mapping[str, object]
    spread: str
    pairing: str
    probability: str
    seed: int
    refine: bool
    probes: Mapping[str, object]
    corrections: Mapping[str, object]
    covariance: Mapping[str, int]
    memory_mb: int
    folder: Path
    provenance: Provenance

    @property
    def unedited(self) -> Path:
        return self.folder / "unedited.parquet"

    def moments(self, layers: Sequence[int]) -> LayerMoments:
        """The covariance of some layers."""
        return LayerMoments(self.folder / "covariance", layers)

    def ranking(self, edit: Settings, language: str, n_facts: int) -> Path:
        """The ranking of the heads of an edited model."""
        return self.folder / "heads" / f"{candidate_id(edit)}_{language}_{n_facts}.parquet"

    def record(self, settings: Settings, n_facts: int) -> Path:
        """What a candidate gave on so many facts: a search that was killed goes on from there."""
        return self.folder / "candidates" / f"{candidate_id(settings)}_{n_facts}.json"

    def keep(
        self, settings: Settings, n_facts: int, measured: Sequence[Measured], failed: str | None
    ) -> None:
        """Write the record. failed: why the candidate could not be tried."""
        content = {
            "settings": dict(settings),
            "n_facts": n_facts,
            "failed": failed,
            "measured": [list(astuple(found)) for found in measured],
        }
        io.write_json(self.record(settings, n_facts), content, self.provenance)

    def kept(self, settings: Settings, n_facts: int) -> tuple[list[Measured], str | None]:
        """What `keep` wrote. Raises DamagedFile(path)."""
        content = io.read_json(self.record(settings, n_facts))
        return [Measured(*found) for found in content["measured"]], content["failed"]


@dataclass(frozen=True)
class Bench:
    """A model and the dataset as the stages of an edit read it; templates by language."""

    spec: TrialSpec
    model: EditableModel
    bilingual: pl.DataFrame
    blocks: pl.DataFrame
    rejected: pl.DataFrame
    templates: Mapping[str, Sequence[str]]
    protected: dict[tuple, Mapping[int, torch.Tensor]] = field(default_factory=dict)

    def protected_keys(self, settings: Settings) -> Mapping[int, torch.Tensor]:
        """K₀ of the edit layers where subjects are protected, read once for equal settings."""
        if not settings["covariance.protected_subjects.weight"]:
            return NOTHING
        layers, weights = settings["edit.layers"], settings["deltas.key_templates"]
        if (key := (*layers, weights)) not in self.protected:
            tables = self.bilingual, self.blocks, TUNING
            kept, _ = choose_protected(subjects_of_facts(*tables), *tables)
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
        return token_budget(self.model, self.spec.memory_mb, gradients)


def find_values(bench: Bench, settings: Settings, language: str, n_facts: int) -> torch.Tensor:
    """z of the first `n_facts` tuning facts that have the language, of those without a value yet
    optimised now: (n_facts, d_model), or (n_layers, n_facts, d_model) of layerwise values.

    Raises NonFiniteValue(case id).
    """
    spec, way = bench.spec, bench.spec.spread
    path = spec.folder / "values" / f"{values_id(settings, way, language)}.safetensors"
    (requests,) = _requests(bench, language, n_facts)
    known = read_tensors(path)[0] if path.exists() else None
    cases = known["case_ids"].tolist() if known else []
    missing = [request for request in requests if request.case_id not in cases]
    if missing:
        found = optimise_values(
            bench.model,
            [missing],
            [bench.templates[language]],
            [spec.kl_prompts[language]],
            value_layers(settings, way),
            ValueSettings(
                **spec.values,
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
        write_tensors(path, known, spec.provenance)
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
        dict(bench.spec.moments(layers)),
        layers,
        DeltaSettings(
            covariance_weight=settings["deltas.covariance_weight"],
            key_templates=settings["deltas.key_templates"],
            spread=bench.spec.spread,
            protected_weight=settings["covariance.protected_subjects.weight"],
            **bench.spec.deltas,
        ),
        bench.budget(gradients=False),
        bench.protected_keys(settings),
    )
    return deltas


def measure(
    bench: Bench, n_facts: int, everywhere: bool, edited_in: Callable[[str], AbstractContextManager]
) -> list[Measured]:
    """Every metric of a candidate in each language of the edit, beside the unedited model.

    everywhere: asked in every language, not only in that of the edit. edited_in: language → the
    model edited in it, as long as that lasts.
    """
    unedited = io.read_table(bench.spec.unedited)
    measured, keys = [], ["case_id", "language", "metric"]
    for language in bench.languages:
        asked_in = bench.languages if everywhere else [language]
        rows = asked(bench, first(TUNING, n_facts), asked_in, [language])
        with edited_in(language):
            metrics = metrics_of(bench, rows)
        both = metrics.join(unedited.select(*keys, before="value"), on=keys)
        # both models on the same facts, in percent
        means = both.group_by("language", "metric", maintain_order=True).agg(
            pl.col("value").mean() * 100, pl.col("before").mean() * 100
        )
        measured += [Measured(language, *row) for row in means.iter_rows()]
    return measured


def asked(bench: Bench, block: str, languages: Sequence[str], held: Sequence[str]) -> pl.DataFrame:
    """The prompts that a model is asked on the facts of a set that have the languages of its edit."""
    rows = asked_of_block(bench.bilingual, bench.blocks, block, languages, held)
    rows = prompts_of_types(without_prompts(rows, bench.rejected), SCORED)
    targets = [code for code in bench.languages[1:] if code in languages]
    return rows_to_score(rows, targets, bench.spec.pairing)


def metrics_of(bench: Bench, rows: pl.DataFrame) -> pl.DataFrame:
    """`fact_metrics` of the model as it is now."""
    scores = scored_rows(bench.model, rows).with_columns(block=pl.lit(TUNING))
    return fact_metrics(scores, FAMILIES, bench.spec.probability)


def _requests(bench: Bench, language: str, n_facts: int):
    """The facts to store, (1, n_facts), as a stage takes them."""
    return requests_of_block(bench.bilingual, bench.blocks, first(TUNING, n_facts), [language])
