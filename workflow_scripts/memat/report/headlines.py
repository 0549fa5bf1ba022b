"""The results in sentences: what an edit learnt, what neighbours lost, what crossed languages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from memat.report.markdown import NOT_EDITED
from memat.study.models import IN_CONTEXT, RETRIEVAL

TOLD = {
    IN_CONTEXT: "No weight is changed: each prompt stands behind its new fact, said in {}.",
    RETRIEVAL: "No weight is changed: each prompt stands behind the new fact it is nearest to, "
    "said in {}, or alone.",
}
NAMES = {"EM": "efficacy magnitude", "PM": "paraphrase magnitude", "NM": "neighborhood magnitude"}


def headlines(
    summary: pl.DataFrame, differences: pl.DataFrame, names: Mapping[str, str]
) -> dict[str, list[str]]:
    """Sentences with numbers and intervals by edited experiment, in the order of the table.

    summary, differences: of `memat.report.tables`. names: the name of each language code. A
    number that was not measured, or a comparison that the run does not hold, is left out.
    """
    results = _Results(summary, differences, names)
    sentences = {}
    for row in summary.unique("experiment", maintain_order=True).iter_rows(named=True):
        if row["heads"]:
            sentences[row["experiment"]] = list(results.of_corrections(row))
        elif row["edit_language"]:
            sentences[row["experiment"]] = list(results.of_edit(row))
    return {experiment: told for experiment, told in sentences.items() if told}


def trained_languages(train: str, languages: Sequence[str]) -> list[str]:
    """The languages an experiment was edited in; `train` is a code, several with +, or all of them."""
    named = [language for language in languages if language in train.split("+")]
    return named or list(languages)


class _Results:
    def __init__(self, summary, differences, names) -> None:
        self.names = names
        self.languages = summary["eval_language"].unique(maintain_order=True).to_list()
        self.methods = dict(summary.select("experiment", "method").iter_rows())
        edited = summary.filter(~pl.col("method").is_in(NOT_EDITED), heads=0)
        self.plain_edits = set(edited["experiment"])
        self.values = {
            (row["experiment"], row["eval_language"], row["metric"]): row
            for row in summary.iter_rows(named=True)
            if row["value"] is not None
        }
        self.changes = {
            (row["experiment"], row["baseline"], row["eval_language"], row["metric"]): row
            for row in differences.iter_rows(named=True)
            if row["difference"] is not None
        }
        self.pairs = list(dict.fromkeys(differences.select("experiment", "baseline").iter_rows()))
        self.unedited = next((n for n, m in self.methods.items() if m == "unedited"), None)

    def of_edit(self, row: dict) -> Iterator[str]:
        name = row["experiment"]
        trained = trained_languages(row["edit_language"], self.languages)
        languages = listed(map(self.name_of, trained))
        yield TOLD.get(row["method"], "Edited in {}.").format(languages)
        yield from filter(None, (self.learnt(name, language) for language in trained))
        yield from filter(None, (self.named(name, language) for language in self.languages))
        for language in self.languages:
            change = self.changes.get((name, self.unedited, language, "NS"))
            if change:
                yield f"Neighbouring facts in {self.name_of(language)} {_moved(change)}."
        others = [language for language in self.languages if language not in trained]
        yield from filter(None, (self.crossed(name, language) for language in others))

    def learnt(self, name: str, language: str) -> str | None:
        parts = [
            f"{_value(self.values[name, language, metric])} of the {prompts}"
            f"{self.before(language, metric)}"
            for metric, prompts in (("ES", "edited prompts"), ("PS", "paraphrases"))
            if (name, language, metric) in self.values
        ]
        if not parts:
            return None
        where = self.name_of(language)
        return f"Asked in {where}, the new target is ahead on {' and on '.join(parts)}."

    def named(self, name: str, language: str) -> str | None:
        """What the model says by itself, where that was measured."""
        parts = [
            f"{_value(self.values[name, language, metric])} of the {prompts}"
            f"{self.before(language, metric)}"
            for metric, prompts in (("GA", "edited prompts"), ("GP", "paraphrases"))
            if (name, language, metric) in self.values
        ]
        if not parts:
            return None
        where = self.name_of(language)
        return f"Writing freely in {where}, the model names the new target after {' and after '.join(parts)}."

    def crossed(self, name: str, language: str) -> str | None:
        value = self.values.get((name, language, "ES"))
        change = self.changes.get((name, self.unedited, language, "ES"))
        if value is None:
            return None
        where = self.name_of(language)
        text = f"Asked in {where}, where nothing was edited, it is ahead on {_value(value)}"
        if change is None:
            return f"{text} of the edited prompts."
        clear = "this much crossed" if change["low"] > 0 else "nothing clear crossed"
        return f"{text} of the edited prompts ({_points(change)} over the unedited model: {clear})."

    def of_corrections(self, row: dict) -> Iterator[str]:
        name = row["experiment"]
        chance = " drawn by chance" if "random" in row["method"] else ""
        corrected = self.name_of(row["head_language"])
        edited = trained_languages(row["edit_language"], self.languages)
        yield (
            f"Edited in {listed(map(self.name_of, edited))}, {row['heads']} heads{chance} "
            f"corrected in {corrected}."
        )
        for baseline in (b for n, b in self.pairs if n == name and b in self.plain_edits):
            for language in self.languages:
                changes = [
                    f"{words} {_points(self.changes[name, baseline, language, metric])}"
                    for metric, words in NAMES.items()
                    if (name, baseline, language, metric) in self.changes
                ]
                if changes:
                    where = self.name_of(language)
                    yield f"Asked in {where}, against {baseline}: {', '.join(changes)}."

    def before(self, language: str, metric: str) -> str:
        row = self.values.get((self.unedited, language, metric))
        return f" ({row['value']:.1f}% before)" if row else ""

    def name_of(self, language: str) -> str:
        return self.names.get(language, language)


def _value(row: dict) -> str:
    """`99.0% [97.5, 100.0]`."""
    if row["low"] is None:
        return f"{row['value']:.1f}%"
    return f"{row['value']:.1f}% [{row['low']:.1f}, {row['high']:.1f}]"


def _points(row: dict) -> str:
    """`+10.1 points [8.1, 12.4]`."""
    points = f"{row['difference']:+z.1f} points"
    return points if row["low"] is None else f"{points} [{row['low']:z.1f}, {row['high']:z.1f}]"


def _moved(row: dict) -> str:
    """`lose 4.2 points of success [1.2, 7.2]`, or that no change is clear."""
    low, high, difference = row["low"], row["high"], row["difference"]
    if low is None or low <= 0 <= high:
        return f"show no clear change of success: {_points(row)}"
    if difference < 0:
        return f"lose {-difference:.1f} points of success [{-high:.1f}, {-low:.1f}]"
    return f"gain {difference:.1f} points of success [{low:.1f}, {high:.1f}]"


def listed(names: Iterable[str]) -> str:
    """`English, Catalan and Spanish`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
