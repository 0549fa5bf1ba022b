"""The results in sentences: what an edit learnt, what neighbours lost, what crossed languages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from memat.report.markdown import NOT_EDITED, UNEDITED
from memat.study.models import IN_CONTEXT, RETRIEVAL

TOLD = {
    IN_CONTEXT: "No weight is changed: each prompt stands behind its new fact, said in {}.",
    RETRIEVAL: "No weight is changed: each prompt stands behind the new fact it is nearest to, "
    "said in {}, or alone.",
}
NAMES = {"EM": "efficacy magnitude", "PM": "paraphrase magnitude", "NM": "neighborhood magnitude"}


class Interval(NamedTuple):
    """A number of a table with its interval; n: facts, or paragraphs, that it stands on."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    def written(self, form: str, unit: str = "", of_ends: str | None = None) -> str:
        """`1.020 [1.010, 1.031]`. unit: behind the value; of_ends: their own form, if any."""
        value = f"{self.value:{form}}{unit}"
        if self.low is None:
            return value
        return f"{value} [{self.low:{of_ends or form}}, {self.high:{of_ends or form}}]"


def intervals(
    table: pl.DataFrame, *keys: str, value: str = "value", n: str = "n_facts"
) -> dict[tuple, Interval]:
    """What was measured, by the columns `keys`."""
    known = table.drop_nulls(value)
    numbers = map(Interval._make, known.select(value, "low", "high", n).iter_rows())
    return dict(zip(known.select(keys).iter_rows(), numbers, strict=True))


class Results:
    """The numbers of `summary` and `differences` of `memat.report.tables`.

    values: by experiment, language asked and metric; changes: by these, the baseline second.
    """

    def __init__(self, summary: pl.DataFrame, differences: pl.DataFrame) -> None:
        self.languages = summary["eval_language"].unique(maintain_order=True).to_list()
        methods = dict(summary.select("experiment", "method").iter_rows())
        self.unedited = next((name for name, m in methods.items() if m == UNEDITED), None)
        self.told = [name for name, method in methods.items() if method == IN_CONTEXT]
        keys = ("eval_language", "metric")
        self.values = intervals(summary, "experiment", *keys)
        of_pair = ("experiment", "baseline", *keys)
        self.changes = intervals(differences, *of_pair, value="difference")

    def before(self, name: str, language: str, metric: str) -> float | None:
        """What the unedited model has on the facts of `name`, which may lack some that it has."""
        value = self.values.get((name, language, metric))
        unedited = self.values.get((self.unedited, language, metric))
        change = self.changes.get((name, self.unedited, language, metric))
        if unedited is None or value is None or value.n == unedited.n:
            return unedited and unedited.value
        return change and value.value - change.value


def headlines(
    summary: pl.DataFrame, differences: pl.DataFrame, names: Mapping[str, str]
) -> dict[str, list[str]]:
    """Sentences with numbers and intervals by edited experiment, in the order of the table.

    summary, differences: of `memat.report.tables`. names: the name of each language code. A
    number that was not measured, or a comparison that the run does not hold, is left out.
    """
    results = _Sentences(summary, differences, names)
    sentences = {}
    for row in summary.unique("experiment", maintain_order=True).iter_rows(named=True):
        if row["heads"]:
            sentences[row["experiment"]] = list(results.of_corrections(row))
        elif row["edit_language"]:
            sentences[row["experiment"]] = list(results.of_edit(row))
    return sentences


def trained_languages(train: str, languages: Sequence[str]) -> list[str]:
    """The languages an experiment was edited in; `train` is a code, several with +, or all of them."""
    named = [language for language in languages if language in train.split("+")]
    return named or list(languages)


class _Sentences(Results):
    def __init__(self, summary, differences, names) -> None:
        super().__init__(summary, differences)
        self.names = names
        edited = summary.filter(~pl.col("method").is_in(NOT_EDITED), heads=0)
        self.plain_edits = set(edited["experiment"])
        self.pairs = list(dict.fromkeys(differences.select("experiment", "baseline").iter_rows()))

    def of_edit(self, row: dict) -> Iterator[str]:
        name = row["experiment"]
        trained = trained_languages(row["edit_language"], self.languages)
        languages = listed(map(self.name_of, trained))
        yield TOLD.get(row["method"], "Edited in {}.").format(languages)
        for code in trained:
            if told := self.shares(name, code, "ES", "PS"):
                where, ahead = self.name_of(code), " and on ".join(told)
                yield f"Asked in {where}, the new target is ahead on {ahead}."
        for code in self.languages:  # what the model says by itself, where that was measured
            if told := self.shares(name, code, "GA", "GP"):
                where, after = self.name_of(code), " and after ".join(told)
                yield f"Writing freely in {where}, the model names the new target after {after}."
        for code in self.languages:
            if change := self.changes.get((name, self.unedited, code, "NS")):
                yield f"Neighbouring facts in {self.name_of(code)} {_moved(change)}."
        for code in self.languages:
            if code not in trained and (value := self.values.get((name, code, "ES"))):
                crossed = self.crossed(self.changes.get((name, self.unedited, code, "ES")))
                yield (
                    f"Asked in {self.name_of(code)}, where nothing was edited, it is ahead on"
                    f" {value.written('.1f', '%')} of the edited prompts{crossed}."
                )

    def shares(self, name: str, language: str, *metrics: str) -> list[str]:
        """What was measured on edited prompts and on paraphrases, beside the unedited model."""
        found = []
        for metric, prompts in zip(metrics, ("edited prompts", "paraphrases"), strict=True):
            if value := self.values.get((name, language, metric)):
                before = self.before(name, language, metric)
                beside = "" if before is None else f" ({before:z.1f}% before)"
                found.append(f"{value.written('.1f', '%')} of the {prompts}{beside}")
        return found

    def name_of(self, language: str) -> str:
        return self.names.get(language, language)

    @staticmethod
    def crossed(change: Interval | None) -> str:
        if change is None:
            return ""
        clear = "this much crossed" if change.low > 0 else "nothing clear crossed"
        return f" ({_points(change)} over the unedited model: {clear})"

    def of_corrections(self, row: dict) -> Iterator[str]:
        name = row["experiment"]
        chance = " drawn by chance" if "random" in row["method"] else ""
        edited = trained_languages(row["edit_language"], self.languages)
        yield (
            f"Edited in {listed(map(self.name_of, edited))}, {row['heads']} heads{chance} "
            f"corrected in {self.name_of(row['head_language'])}."
        )
        for baseline in (b for n, b in self.pairs if n == name and b in self.plain_edits):
            for code in self.languages:
                changes = [
                    f"{words} {_points(self.changes[name, baseline, code, metric])}"
                    for metric, words in NAMES.items()
                    if (name, baseline, code, metric) in self.changes
                ]
                if changes:
                    where = self.name_of(code)
                    yield f"Asked in {where}, against {baseline}: {', '.join(changes)}."


def _points(change: Interval) -> str:
    """`+10.1 points [8.1, 12.4]`."""
    return change.written("+z.1f", " points", "z.1f")


def _moved(change: Interval) -> str:
    """`lose 4.2 points of success [1.2, 7.2]`, or that no change is clear."""
    low, high = change.low, change.high
    if low is None or low <= 0 <= high:
        return f"show no clear change of success: {_points(change)}"
    if change.value < 0:
        return f"lose {-change.value:.1f} points of success [{-high:.1f}, {-low:.1f}]"
    return f"gain {change.value:.1f} points of success [{low:.1f}, {high:.1f}]"


def listed(names: Iterable[str]) -> str:
    """`English, Catalan and Spanish`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
