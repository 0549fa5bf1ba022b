"""Which work an experiment table asks for: edits, probed heads, corrections and scores.

Pure Python on the validated config, no Snakemake: the rules files turn these
objects into paths. Two experiments that need the same work get equal objects,
hence the same path, hence one job.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from memat.edit.solver import DEFAULT, values_solver
from memat.errors import ConfigError
from memat.fact_sets import DONOR, TUNING, whole_and_size
from memat.shards import n_shards
from memat.suggest import allowed_values

BOTH = "both"  # the sum of the deltas of both languages
JOINT = "joint"  # one delta from values optimised in both languages together

Item = TypeVar("Item")


@dataclass(frozen=True)
class Edit:
    """MLP weights rewritten by one solver with the sentences of one language (L1), or both.

    learning_rate: of the values, where it is not the configured one.
    """

    solver: str
    language: str
    learning_rate: float | None = None

    @property
    def id(self) -> str:
        own = "" if self.learning_rate is None else f"-lr{self.learning_rate:g}"
        return f"{self.solver}-{self.language}{own}"

    @property
    def values(self) -> "Edit":
        """The edit whose values this one carries into the weights: of another solver, or its own."""
        return replace(self, solver=values_solver(self.solver))

    def parts(self, languages: tuple[str, ...]) -> tuple["Edit", ...]:
        """The edits that are solved for: of a sum, its terms."""
        if self.language != BOTH:
            return (self,)
        return tuple(replace(self, language=code) for code in languages)

    def sentences(self, languages: tuple[str, ...]) -> tuple[str, ...]:
        """Languages whose sentences the values are optimised on."""
        return languages if self.language == JOINT else (self.language,)


@dataclass(frozen=True)
class Heads:
    """Head activations and probes of an edited model on sentences of one language (L2)."""

    edit: Edit
    language: str


@dataclass(frozen=True)
class Correction:
    """Vectors added to `k` heads of an edited model, selected and found in L2.

    alpha: strength of ITI's shift; None where the vectors are optimised (MEMAT).
    """

    heads: Heads
    select: str
    k: int
    alpha: float | None = None

    @property
    def id(self) -> str:
        optimised = f"{self.heads.edit.id}_{self.heads.language}_{self.select}-{self.k}"
        return optimised if self.alpha is None else f"{optimised}_iti-{self.alpha:g}"


@dataclass(frozen=True)
class Experiment:
    """One row of the results table: the edits and corrections its model carries.

    recycled: the corrections are those of the next block, that is of other facts.
    """

    name: str
    method: str
    edits: tuple[Edit, ...] = ()
    corrections: tuple[Correction, ...] = ()
    recycled: bool = False

    @property
    def model(self) -> str:
        """Name of the edited model; experiments of another name may share it."""
        carried = [c.id for c in self.corrections] or [e.id for e in self.edits] or [self.method]
        return "_".join([*carried, *(["recycled"] if self.recycled else [])])

    def as_row(self) -> dict:
        """Plain values for the tables: name, method, solver, train, heads, select, k (null: none),
        alpha (null: optimised), recycled."""
        correction = self.corrections[0] if self.corrections else None
        return {
            "name": self.name,
            "method": self.method,
            "solver": self.edits[0].solver if self.edits else None,
            "train": "+".join(edit.language for edit in self.edits) or None,
            "heads": correction.heads.language if correction else None,
            "select": correction.select if correction else None,
            "k": correction.k if correction else None,
            "alpha": correction.alpha if correction else None,
            "recycled": self.recycled,
        }


@dataclass(frozen=True)
class Plan:
    """All experiments of a config and the sizes of its sets of facts.

    block_size: None where the one block holds all facts that are left after translation.
    """

    experiments: tuple[Experiment, ...]
    languages: tuple[str, ...]
    n_blocks: int
    block_size: int | None
    donor_size: int
    tuning_size: int

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks that are reported on (`memat.fact_sets`)."""
        return tuple(str(number) for number in range(self.n_blocks))

    def n_facts(self, facts: str) -> int | None:
        """How many facts a set holds; None: as many as are left after translation."""
        whole, size = whole_and_size(facts)
        return size or {DONOR: self.donor_size, TUNING: self.tuning_size}.get(
            whole, self.block_size
        )

    def shards(self, facts: str, shard_size: int) -> range:
        """Shards of a stage that takes `shard_size` facts of a set in one job.

        A run whose block has no planned size is not cut: every set is one shard.
        """
        if self.block_size is None:
            return range(1)
        return range(n_shards(self.n_facts(facts), shard_size))

    def corrected_with(self, experiment: Experiment, facts: str) -> str:
        """The set of facts whose corrections a model edited with `facts` carries."""
        if not experiment.recycled:
            return facts
        if self.donor_size:
            return DONOR
        return str((int(whole_and_size(facts)[0]) + 1) % self.n_blocks)

    @property
    def edits(self) -> tuple[Edit, ...]:
        return _distinct(edit for experiment in self.experiments for edit in experiment.edits)

    @property
    def values(self) -> tuple[Edit, ...]:
        """Edits whose values are optimised."""
        return _distinct(part.values for edit in self.edits for part in edit.parts(self.languages))

    @property
    def corrections(self) -> tuple[Correction, ...]:
        return _distinct(c for experiment in self.experiments for c in experiment.corrections)

    @property
    def optimised(self) -> tuple[tuple[Correction, str], ...]:
        """Corrections that are optimised, and so have a loss curve, with their facts."""
        return _distinct(
            (correction, self.corrected_with(experiment, block))
            for experiment in self.experiments
            for correction in experiment.corrections
            for block in self.blocks
            if correction.alpha is None
        )

    @property
    def heads(self) -> tuple[Heads, ...]:
        """Probed heads of the blocks that are reported on."""
        return _distinct(
            correction.heads
            for experiment in self.experiments
            for correction in experiment.corrections
            if not (experiment.recycled and self.donor_size)
        )

    def experiment(self, name: str) -> Experiment:
        """The experiment called `name`. Raises ConfigError naming those that exist."""
        for experiment in self.experiments:
            if experiment.name == name:
                return experiment
        names = [experiment.name for experiment in self.experiments]
        raise ConfigError(f"experiment: {allowed_values(name, names)}")

    def rows(self) -> list[dict]:
        """`Experiment.as_row` of every experiment, in the order of the config."""
        return [experiment.as_row() for experiment in self.experiments]


def plan_experiments(config: dict) -> Plan:
    """The plan of a config that has passed `memat.check`."""
    return Plan(
        experiments=tuple(
            plan_experiment(row, config["corrections"]["k"], config["iti"]["alpha"])
            for row in experiment_rows(config)
        ),
        languages=tuple(all_languages(config)),
        n_blocks=config["blocks"]["count"],
        block_size=config["blocks"]["size"],
        donor_size=config["blocks"]["donor"],
        tuning_size=config["blocks"]["tuning"],
    )


def all_languages(config: dict) -> list[str]:
    """Codes of the source language and of every target language."""
    return [config["languages"]["source"], *config["languages"]["targets"]]


def experiment_rows(config: dict) -> list[dict]:
    """The rows of `experiments`; of null: unedited, then memit and memat in each language."""
    if config["experiments"] is not None:
        return config["experiments"]
    languages = all_languages(config)
    edited = [{"name": f"memit_{c}", "method": "memit", "train": c} for c in languages]
    corrected = [
        {"name": f"memat_{c}_{c}", "method": "memat", "train": c, "heads": c} for c in languages
    ]
    return [{"name": "unedited", "method": "unedited"}, *edited, *corrected]


def can_recycle(blocks: dict) -> bool:
    """Whether the config section `blocks` leaves other facts to take corrections from."""
    return blocks["donor"] > 0 or blocks["count"] > 1


def plan_experiment(row: dict, default_k: int, default_alpha: float) -> Experiment:
    """One row of the config's `experiments`; `learning_rate` may stand in it too."""
    if row["method"] == "unedited":
        return Experiment(row["name"], row["method"])
    edit = Edit(row.get("solver", DEFAULT), row["train"], row.get("learning_rate"))
    if row["method"] == "memit":
        return Experiment(row["name"], row["method"], (edit,))
    correction = Correction(
        heads=Heads(edit, row["heads"]),
        select=row.get("select", "located"),
        k=row.get("k", default_k),
        alpha=float(row.get("alpha", default_alpha)) if row["method"] == "iti" else None,
    )
    recycled = row.get("recycled", False)
    return Experiment(row["name"], row["method"], (edit,), (correction,), recycled)


def _distinct(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))
