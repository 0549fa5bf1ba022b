"""The paper's experiments as a plan: which models each table and figure needs, on which facts.

Pure Python on the validated config, like `memat.plan`. The tables are measured on the
blocks of the run; searches for a setting (figures 5, 6, 9, 10) on the tuning facts,
which no table reports on. S and T are the config's source and target language; the
paper's are English and Catalan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, log

from memat.edit.solver import DEFAULT, load_solver
from memat.fact_sets import TUNING, first
from memat.plan import BOTH, JOINT, Experiment, Heads, Plan, plan_experiment

SCALING_POINTS = 16  # n_i = exp(ln(n_max) · i / 16)
TABLES = ("table1", "table2", "table3")
SWEEPS = ("figure4", "figure5", "figure6", "figure9", "figure10")
HEAD_MAPS = ("figure2", "figure8")


@dataclass(frozen=True)
class Row:
    """One model of a target and the sets of facts it is measured on.

    x: its place on the axis of a curve; None: a level beside the curves. series: its curve.
    """

    experiment: Experiment
    facts: tuple[str, ...]
    x: float | None = None
    series: str | None = None

    def as_row(self) -> dict:
        """`Experiment.as_row` with x and series."""
        return self.experiment.as_row() | {"x": self.x, "series": self.series}


@dataclass(frozen=True)
class Sweep:
    """How a target of curves is drawn.

    axis: what x is. by_metric: one curve a metric, in one panel; else one a series, in a
    panel for each metric. languages: those evaluated.
    """

    title: str
    axis: str
    languages: tuple[str, ...]
    logarithmic: bool = True
    by_metric: bool = False


class Paper:
    """Rows of every target of the paper, for one config and its plan."""

    def __init__(self, config: dict, plan: Plan):
        self.plan = plan
        self.settings = config["paper"]
        self.values = config["values"]
        self.k, self.alpha = config["corrections"]["k"], config["iti"]["alpha"]
        self.source, self.target, *_ = plan.languages

    def table(self, name: str) -> list[Row]:
        """Rows of `table1`, `table2` or `table3`, on all blocks."""
        rows = {
            "table1": self._one_language(self.target, self.source, pmet=True),
            "table2": self._one_language(self.source, self.target, pmet=False),
            "table3": self._both_languages(),
        }[name]
        return [Row(experiment, self.plan.blocks) for experiment in rows]

    def claimed(self) -> list[Row]:
        """Every model that a claim of the paper compares, once: those of the tables, and ITI."""
        iti = self._memat(self.target, self.source, method="iti")
        rows = [row for name in TABLES for row in self.table(name)]
        return list(dict.fromkeys([*rows, Row(iti, self.plan.blocks)]))

    def subjects(self) -> list[Row]:
        """Models of figure 1, whose facts are told apart by the overlap of their subjects."""
        models = [self._unedited(), self._memit(self.source), self._memit(self.target)]
        return [Row(experiment, self.plan.blocks) for experiment in models]

    def heads(self, name: str) -> list[Heads]:
        """Probed heads of `figure2` (edited in T) or `figure8` (edited in S)."""
        train = self.target if name == "figure2" else self.source
        others = [code for code in self.plan.languages if code != train]
        return [self._memat(train, heads).corrections[0].heads for heads in [*others, train]]

    def sweep(self, name: str) -> tuple[Sweep, list[Row]]:
        """Drawing and rows of one target of curves."""
        both, target, source = self.plan.languages, (self.target,), (self.source,)
        rates = "learning rate of the values"
        return {
            "figure4": lambda: (
                Sweep("More facts in one edit", "facts per edit", both),
                list(self._sizes()),
            ),
            "figure5": lambda: (
                Sweep("Learning rate of MEMIT", rates, target, by_metric=True),
                list(self._rates("memit")),
            ),
            "figure6": lambda: (
                Sweep("Learning rate of PMET", rates, target, by_metric=True),
                list(self._rates("pmet")),
            ),
            "figure9": lambda: (
                Sweep("Number of corrected heads", "corrected heads K", both),
                list(self._numbers_of_heads()),
            ),
            "figure10": lambda: (
                Sweep("Shifts without optimisation (ITI)", "strength α", source),
                list(self._strengths()),
            ),
        }[name]()

    @property
    def rows(self) -> list[Row]:
        """All rows of all targets."""
        swept = [row for name in SWEEPS for row in self.sweep(name)[1]]
        return [*self.claimed(), *self.subjects(), *swept]

    def _one_language(self, train: str, other: str, pmet: bool) -> list[Experiment]:
        own, across = self._memat(train, train), self._memat(train, other)
        recycled = [self._memat(train, heads, recycled=True) for heads in (train, other)]
        edits = [*([self._memit(train, "pmet")] if pmet else []), self._memit(train)]
        return [self._unedited(), *edits, own, across, *recycled]

    def _both_languages(self) -> list[Experiment]:
        languages = self.plan.languages
        both = [self._memat(BOTH, heads) for heads in languages]
        controls = [
            experiment
            for code in languages
            for experiment in (
                self._memit(code),
                self._memat(code, code),
                self._memat(code, code, select="random"),
            )
        ]
        return [self._unedited(), self._memit(JOINT), self._memit(BOTH), *both, *controls]

    def _sizes(self) -> Iterator[Row]:
        if self.plan.block_size is None:
            return  # sizes of an edit are planned from that of a block
        for size in scaling_sizes(self.plan.block_size, self.settings["smallest_edit"]):
            whole = size == self.plan.block_size
            facts = tuple(b if whole else first(b, size) for b in self.plan.blocks)
            recycled = self._memat(self.target, self.target, recycled=True)
            for series, experiment in (("MEMIT", self._memit(self.target)), ("MEMAT", recycled)):
                yield Row(_named(experiment, f"n{size}"), facts, size, series)

    def _rates(self, solver: str) -> Iterator[Row]:
        configured = (self.values | self.values.get(solver, {}))["learning_rate"]
        for rate in self.settings["learning_rates"][solver]:
            # the configured rate is the edit that other targets have
            own = None if rate == configured else float(rate)
            row = {"method": "memit", "train": self.target, "solver": solver}
            experiment = self._experiment(f"{solver}_lr{rate:g}", learning_rate=own, **row)
            yield Row(experiment, (TUNING,), rate, load_solver(solver).LABEL)

    def _numbers_of_heads(self) -> Iterator[Row]:
        for train in self.plan.languages:
            yield Row(self._memit(train), (TUNING,), series=f"MEMIT {train}")
            for heads in self.plan.languages:
                for k in self.settings["heads"]:
                    experiment = _named(self._memat(train, heads, k=k), f"k{k}")
                    yield Row(experiment, (TUNING,), k, f"{train}-{heads}")

    def _strengths(self) -> Iterator[Row]:
        yield Row(self._memit(self.target), (TUNING,), series=f"MEMIT {self.target}")
        for k in self.settings["heads"]:
            for alpha in self.settings["alphas"]:
                shifted = self._memat(self.target, self.source, method="iti", k=k, alpha=alpha)
                experiment = _named(shifted, f"k{k}_alpha{alpha:g}")
                yield Row(experiment, (TUNING,), alpha, f"K = {k}")

    def _unedited(self) -> Experiment:
        return self._experiment("unedited", method="unedited")

    def _memit(self, train: str, solver: str = DEFAULT) -> Experiment:
        return self._experiment(f"{solver}_{train}", method="memit", train=train, solver=solver)

    def _memat(self, train: str, heads: str, method: str = "memat", **own) -> Experiment:
        first_word = "random" if own.get("select") == "random" else method
        name = f"{first_word}_{train}_{heads}" + ("_recycled" if own.get("recycled") else "")
        return self._experiment(name, method=method, train=train, heads=heads, **own)

    def _experiment(self, name: str, **row) -> Experiment:
        return plan_experiment({"name": name, **row}, self.k, self.alpha)


def scaling_sizes(largest: int, least: int) -> list[int]:
    """n_i = exp(ln(largest)·i/16), rounded, from `least` on, without repeats."""
    sizes = (round(exp(log(largest) * i / SCALING_POINTS)) for i in range(SCALING_POINTS + 1))
    return sorted({size for size in sizes if size >= min(least, largest)})


def _named(experiment: Experiment, suffix: str) -> Experiment:
    return replace(experiment, name=f"{experiment.name}_{suffix}")
