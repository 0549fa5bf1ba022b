"""Whether an edit may be shipped: what it learnt and what it cost, each held against a bound.

Every number is one of `summary.csv`, `differences.csv`, `damage.csv` and `general.csv`; nothing
is measured here. A bound is kept or missed by a whole interval, never by a value alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from memat.report.headlines import Interval, Results, intervals, trained_languages
from memat.report.markdown import NOT_EDITED

LEARNT, COST = "learnt", "cost"
NOT_MEASURED = "not measured"
WORDS = {
    LEARNT: {True: "learnt", None: "undecided", False: "no"},
    COST: {True: "within the bound", None: "undecided", False: "above the bound"},
}
AHEAD = {True: "ahead", None: "no clear difference", False: "behind"}
# on edited prompts and paraphrases: what the model writes freely, else its first choices
SAID = {"edited": ("GA", "EA"), "paraphrases": ("GP", "PA")}
NEIGHBOURS = (("NS",), ("GN", "NA"))
TEXT = ("perplexity_ratio", "kl")
ENTROPY = "entropy"
THREE = 300.0  # percent: rule of three, 3/n bounds a share of which n facts show nothing

TASKS_SCHEMA = {
    **dict.fromkeys(("experiment", "task", "language", "metric"), pl.String),
    "n_questions": pl.Int64,
    **dict.fromkeys(("value", "difference", "low", "high"), pl.Float64),
}


@dataclass(frozen=True)
class Finding:
    """One measure of an edit, asked in one language, against its bound.

    bound: of the config, None of a measure that has none. holds: whether it is kept; None:
    undecided. value: with the edit, and before: without; change: their paired difference; None
    where not measured. stands_for: the measure that this one is read in place of.
    """

    name: str
    bound: float | None
    holds: bool | None
    value: Interval | None = None
    before: float | None = None
    change: Interval | None = None
    stands_for: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A measure of an edit minus that of a row that has the facts in its prompt, and what it says."""

    baseline: str
    name: str
    change: Interval
    ahead: bool | None


@dataclass(frozen=True)
class Advice:
    """What is known of one edit, asked in one language. trained: the languages it was edited in.

    own_words: how the model writes, which is no part of a verdict.
    """

    experiment: str
    language: str
    trained: tuple[str, ...]
    learnt: tuple[Finding, ...]
    neighbours: tuple[Finding, ...]
    text: tuple[Finding, ...]
    general: tuple[Finding, ...]
    own_words: tuple[Finding, ...]
    against: tuple[Comparison, ...]

    @property
    def cost(self) -> tuple[Finding, ...]:
        return self.neighbours + self.text + self.general

    def verdict(self, side: str) -> str:
        """`learnt`, `undecided` or `no`; of costs `within the bound`, `undecided` or `above the bound`."""
        findings = self.learnt if side == LEARNT else self.cost
        if not findings:
            return NOT_MEASURED
        return WORDS[side][all_of(finding.holds for finding in findings)]


def all_of(parts: Iterable[bool | None]) -> bool | None:
    """False if any part is, else None (undecided) if any is, else True."""
    parts = list(parts)
    return False if False in parts else None if None in parts else True


def at_least(interval: Interval | None, bound: float, fewest: int) -> bool | None:
    """True if the interval lies at or above the bound, False if below, None if it holds it.

    None too without an interval, or where it stands on less than `fewest`.
    """
    low, high = _ends(interval, fewest)
    return None if low is None else True if low >= bound else False if high < bound else None


def at_most(interval: Interval | None, bound: float, fewest: int) -> bool | None:
    """True if the interval lies at or below the bound, False if above, None as in `at_least`."""
    low, high = _ends(interval, fewest, 0.0)
    return None if low is None else True if high <= bound else False if low > bound else None


def gained(change: Interval | None, fewest: int) -> bool | None:
    """True if the interval lies above 0, False if below, None as in `at_least`."""
    low, high = _ends(change, fewest)
    return None if low is None else True if low > 0 else False if high < 0 else None


def _ends(
    interval: Interval | None, fewest: int, three: float = THREE
) -> tuple[float | None, float | None]:
    """Both ends of an interval, None where it says nothing.

    One of no width is one of facts that all do the same: by the rule of three it is `three`/n wider.
    """
    if interval is None or interval.low is None or (interval.n or 0) < fewest:
        return None, None
    alike = interval.low == interval.high and interval.n
    margin = three / interval.n if alike else 0.0
    return interval.low - margin, interval.high + margin


def general_tasks(table: pl.DataFrame) -> pl.DataFrame:
    """`TASKS_SCHEMA`, in percent, of general.csv, whose values are shares as lm-eval gives them.

    Its rows without an interval are no shares of questions, and are left out.
    """
    found = table.select(list(TASKS_SCHEMA)).cast(TASKS_SCHEMA).drop_nulls(["difference", "low"])
    return found.with_columns(pl.col(pl.Float64) * 100)


def advise(
    summary: pl.DataFrame,
    differences: pl.DataFrame,
    damage: pl.DataFrame,
    general: pl.DataFrame,
    bounds: Mapping[str, float],
) -> list[Advice]:
    """One advice for each edited row and language, in the order of the table.

    summary, differences: of `memat.report.tables`; damage: `memat.report.damage.DAMAGE_SCHEMA`;
    general: of `general_tasks`. The last two may be empty. bounds: config section `ship`.
    """
    tables = _Tables(summary, differences, damage, general, bounds)
    edits = summary.filter(~pl.col("method").is_in(NOT_EDITED)).unique(
        ["experiment", "eval_language"], maintain_order=True
    )
    return [tables.advice(row) for row in edits.iter_rows(named=True)]


class _Tables(Results):
    def __init__(self, summary, differences, damage, general, bounds) -> None:
        super().__init__(summary, differences)
        self.bounds, self.general = bounds, general
        self.damage = intervals(damage, "experiment", "eval_language", "measure", n="n_texts")

    def advice(self, row: dict) -> Advice:
        edit = name, language = row["experiment"], row["eval_language"]
        trained = tuple(trained_languages(row["edit_language"], self.languages))
        parts = self.learnt, self.neighbours, self.text, self.tasks, self.own_words, self.against
        return Advice(name, language, trained, *(tuple(part(*edit)) for part in parts))

    def learnt(self, name: str, language: str) -> Iterator[Finding]:
        fewest = self.bounds["facts"]
        for key, metrics in SAID.items():
            if finding := self.finding(name, language, metrics, self.bounds[key]):
                reached = at_least(finding.value, finding.bound, fewest)
                held = all_of([reached, gained(finding.change, fewest)])
                yield replace(finding, holds=held)

    def neighbours(self, name: str, language: str) -> Iterator[Finding]:
        for metrics in NEIGHBOURS:
            finding = self.finding(name, language, metrics, self.bounds["neighbours_lost"])
            if finding and finding.change:
                kept = at_least(finding.change, -finding.bound, self.bounds["facts"])
                yield replace(finding, holds=kept)

    def finding(self, name, language, metrics, bound) -> Finding | None:
        """The first of the metrics that was measured; its verdict is still open."""
        metric = next((m for m in metrics if (name, language, m) in self.values), None)
        if metric is None:
            return None
        return Finding(
            metric,
            bound,
            None,
            self.values[name, language, metric],
            self.before(name, language, metric),
            self.changes.get((name, self.unedited, language, metric)),
            None if metric == metrics[0] else metrics[0],
        )

    def text(self, name: str, language: str) -> Iterator[Finding]:
        for measure in TEXT:
            if value := self.damage.get((name, language, measure)):
                bound = self.bounds[measure]
                kept = at_most(value, bound, self.bounds["paragraphs"])
                yield Finding(measure, bound, kept, value)

    def tasks(self, name: str, language: str) -> Iterator[Finding]:
        """Tasks in this language, and those of no language."""
        bound = self.bounds["general_lost"]
        here = pl.col("language").is_null() | (pl.col("language") == language)
        for row in self.general.filter(here, experiment=name).iter_rows(named=True):
            change = Interval(row["difference"], row["low"], row["high"], row["n_questions"])
            asked, kept = f"{row['task']} {row['metric']}", at_least(change, -bound, 0)
            value = Interval(row["value"], n=row["n_questions"])
            yield Finding(asked, bound, kept, value, change=change)

    def own_words(self, name: str, language: str) -> Iterator[Finding]:
        """Entropy of the free answers, in bits."""
        value, before, change = (
            self.damage.get((name, language, f"{ENTROPY}{of}"))
            for of in ("", "_unedited", "_difference")
        )
        if value:
            yield Finding(ENTROPY, None, None, value, before and before.value, change)

    def against(self, name: str, language: str) -> Iterator[Comparison]:
        for baseline in self.told:
            for metrics in (*SAID.values(), *NEIGHBOURS):
                keys = [(name, baseline, language, metric) for metric in metrics]
                if key := next((key for key in keys if key in self.changes), None):
                    change = self.changes[key]
                    ahead = gained(change, self.bounds["facts"])
                    yield Comparison(baseline, key[-1], change, ahead)
