"""Which work an experiment table asks for: edits, probed heads, corrections and scores.

Pure Python on the validated config, no Snakemake: the rules files turn these
objects into paths. Two experiments that need the same work get equal objects,
hence the same path, hence one job.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from memat.errors import ConfigError
from memat.suggest import allowed_values

METHODS = ("unedited", "memit", "memat", "iti")
SOLVERS = ("memit", "alphaedit")
BOTH = "both"  # the sum of the deltas of both languages
SELECTIONS = ("located", "random")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Edit:
    """MLP weights rewritten by one solver with the sentences of one language (L1), or both."""

    solver: str
    language: str

    @property
    def id(self) -> str:
        return f"{self.solver}-{self.language}"


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

    def as_row(self) -> dict:
        """Plain values for the tables: name, method, solver, train, heads, select, k (null: none),
        recycled."""
        correction = self.corrections[0] if self.corrections else None
        return {
            "name": self.name,
            "method": self.method,
            "solver": self.edits[0].solver if self.edits else None,
            "train": "+".join(edit.language for edit in self.edits) or None,
            "heads": correction.heads.language if correction else None,
            "select": correction.select if correction else None,
            "k": correction.k if correction else None,
            "recycled": self.recycled,
        }


@dataclass(frozen=True)
class Score:
    """One file of scores: an experiment's model, edited with one block, read in all languages."""

    experiment: str
    block: int


@dataclass(frozen=True)
class Plan:
    """All experiments of a config and the sizes that decide how their work is cut."""

    experiments: tuple[Experiment, ...]
    languages: tuple[str, ...]
    n_blocks: int
    n_shards: int

    @property
    def blocks(self) -> range:
        return range(self.n_blocks)

    @property
    def shards(self) -> range:
        return range(self.n_shards)

    @property
    def edits(self) -> tuple[Edit, ...]:
        return _distinct(edit for experiment in self.experiments for edit in experiment.edits)

    @property
    def trained(self) -> tuple[str, ...]:
        """Languages in which values are optimised."""
        needed = {edit.language for edit in self.edits}
        return tuple(code for code in self.languages if needed & {code, BOTH})

    @property
    def corrections(self) -> tuple[Correction, ...]:
        return _distinct(c for experiment in self.experiments for c in experiment.corrections)

    @property
    def optimised(self) -> tuple[Correction, ...]:
        """Corrections that are optimised, and so have a loss curve."""
        return tuple(c for c in self.corrections if c.alpha is None)

    @property
    def heads(self) -> tuple[Heads, ...]:
        return _distinct(correction.heads for correction in self.corrections)

    @property
    def scores(self) -> tuple[Score, ...]:
        return tuple(
            Score(experiment.name, block)
            for experiment in self.experiments
            for block in self.blocks
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
    languages = config["languages"]
    return Plan(
        experiments=tuple(
            _plan_experiment(row, config["corrections"]["k"], config["iti"]["alpha"])
            for row in config["experiments"]
        ),
        languages=(languages["source"], languages["target"]),
        n_blocks=config["blocks"]["count"],
        n_shards=ceil(config["blocks"]["size"] / config["values"]["shard_size"]),
    )


def _plan_experiment(row: dict, default_k: int, default_alpha: float) -> Experiment:
    if row["method"] == "unedited":
        return Experiment(row["name"], row["method"])
    edit = Edit(row.get("solver", "memit"), row["train"])
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
