"""The tasks of a search, each of which ends in a file of the search's folder.

A process gets a `TrialSpec`, which is plain data, and loads what it names. What is already
there is left as it is, so a search that was killed, or is given more candidates, goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from memat import io
from memat.edit.covariance import key_moments, mean_moments
from memat.edit.storage import LayerMoments
from memat.errors import EmptySplit, NonFiniteValue, NotConverged
from memat.heads.probes import ProbeSettings
from memat.model.for_stage import model_for
from memat.provenance import Provenance
from memat.tune.bench import (
    Bench,
    FixedSettings,
    Tables,
    find_values,
    measure_edit,
    unedited_metrics,
)
from memat.tune.candidates import Settings, candidate_id
from memat.tune.halving import Measured
from memat.tune.heads_bench import HeadSettings, measure_corrections, rank_edited_heads
from memat.tune.journal import Journal

# faults of a candidate, not of the search
FAILURES = (NonFiniteValue, NotConverged, EmptySplit)


@dataclass(frozen=True)
class TrialSpec:
    """What a process needs to try candidates: files, and settings that are not tuned.

    templates: files by language; kl_prompts likewise. covariance: tokens, sequence_length and
    batch_size. folder: of the search; its name tells what everything in it rests on.
    """

    manifest: str
    compute: Mapping[str, str]
    bilingual: str
    blocks: str
    rejected: str
    text: str
    templates: Mapping[str, str]
    kl_prompts: Mapping[str, str]
    fixed: FixedSettings
    refine: bool
    probes: Mapping[str, object]
    corrections: Mapping[str, object]
    covariance: Mapping[str, int]
    memory_mb: int
    folder: Path
    provenance: Provenance

    @property
    def journal(self) -> Journal:
        return Journal(self.folder, self.provenance)

    @property
    def unedited(self) -> Path:
        return self.folder / "unedited.parquet"

    def moments(self, layers: Sequence[int]) -> LayerMoments:
        """The covariance of some layers."""
        return LayerMoments(self.folder / "covariance", layers)

    def ranking(self, edit: Settings, language: str, n_facts: int) -> Path:
        """The ranking of the heads of an edited model."""
        return self.folder / "heads" / f"{candidate_id(edit)}_{language}_{n_facts}.parquet"


@dataclass(frozen=True)
class Task:
    """One thing to do: the name of a function of `Trials`, and its arguments as plain data."""

    what: str
    arguments: tuple


def set_up_trials(spec: TrialSpec) -> Callable[[Task], None]:
    """Load model and facts; returns what does a task."""
    model = model_for(spec.manifest, dict(spec.compute))
    bench = Bench(
        model,
        Tables(*map(io.read_table, (spec.bilingual, spec.blocks, spec.rejected))),
        {code: io.read_json(path)["templates"] for code, path in spec.templates.items()},
        spec.kl_prompts,
        spec.moments(range(model.n_layers)),
        spec.fixed,
        spec.memory_mb,
        spec.folder,
        spec.provenance,
    )
    trials = Trials(spec, bench)
    functions = {
        "covariance": trials.covariance,
        "unedited": trials.unedited,
        "values": trials.values,
        "edit": trials.edit,
        "ranking": trials.ranking,
        "corrections": trials.corrections,
    }
    return lambda task: functions[task.what](*task.arguments)


@dataclass(frozen=True)
class Trials:
    """The tasks, on one bench."""

    spec: TrialSpec
    bench: Bench

    def covariance(self, layers: Sequence[int]) -> None:
        """C of some layers, float32, in one pass over the text."""
        settings, provenance = self.spec.covariance, self.spec.provenance
        found = key_moments(
            self.bench.model,
            io.read_table(self.spec.text)["text"].to_list(),
            layers,
            tokens=settings["tokens"],
            max_length=settings["sequence_length"],
            token_budget=self.bench.budget(gradients=False),
            rows_together=settings["batch_size"],
        )
        self.spec.moments(layers).write(mean_moments([found])[0], provenance)

    def unedited(self) -> None:
        """What the unedited model says on all tuning facts."""
        io.write_table(self.spec.unedited, unedited_metrics(self.bench), self.spec.provenance)

    def values(self, settings: Settings, language: str, n_facts: int) -> None:
        """Values of an edit in one language; one that fails is told by each who needs it."""
        try:
            find_values(self.bench, settings, language, n_facts)
        except FAILURES:
            return

    def edit(self, settings: Settings, n_facts: int, everywhere: bool) -> None:
        """Try a candidate of the edit."""

        def measure(known: pl.DataFrame) -> list[Measured]:
            return measure_edit(self.bench, settings, n_facts, everywhere, known)

        self._keep(settings, n_facts, measure)

    def ranking(self, edit: Settings, language: str, n_facts: int) -> None:
        """Probe the heads of the edited model."""
        path = self.spec.ranking(edit, language, n_facts)
        if not path.exists():
            found = rank_edited_heads(self.bench, self._heads(), edit, language, n_facts)
            io.write_table(path, found, self.spec.provenance)

    def corrections(
        self, edit: Settings, settings: Settings, n_facts: int, everywhere: bool
    ) -> None:
        """Try a candidate of the corrections on an edit; `settings` hold those of both."""
        rankings = {
            code: io.read_table(self.spec.ranking(edit, code, n_facts))
            for code in self.bench.languages
        }

        def measure(known: pl.DataFrame) -> list[Measured]:
            return measure_corrections(
                self.bench, self._heads(), edit, settings, rankings, n_facts, everywhere, known
            )

        self._keep(settings, n_facts, measure)

    def _heads(self) -> HeadSettings:
        spec = self.spec
        return HeadSettings(spec.refine, ProbeSettings(**spec.probes), spec.corrections)

    def _keep(self, settings: Settings, n_facts: int, measure) -> None:
        journal = self.spec.journal
        try:
            journal.write(settings, n_facts, measure(io.read_table(self.spec.unedited)))
        except FAILURES as error:
            journal.write(settings, n_facts, [], str(error))
