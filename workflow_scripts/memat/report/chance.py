"""Whether the unedited model can be shown to know a language: told from its own row of the results."""

from collections.abc import Mapping, Sequence

import polars as pl

from memat.evaluate.families import fact_metrics_of
from memat.evaluate.prompt_types import SCORED

WIDEST = 30.0  # points: an interval from 35 to 65 still says that knowledge is missing
FEWEST = 20  # facts: resampling fewer gives intervals that are too narrow, or of no width
KNOWN_FACTS = "NA"  # accuracy of the true targets of neighbours, which no edit has touched


def chance_notes(
    summary: pl.DataFrame, families: Sequence[str], names: Mapping[str, str]
) -> list[str]:
    """A sentence for each language that the unedited model cannot be shown to know.

    summary: of `memat.report.tables.summary_frame`, with its families of metrics. names: the name
    of each language code.

    A language cannot be told from chance if the level of chance lies in the interval of every
    metric of the unedited model that has such a level and was measured (ES, PS, NS: which of two
    targets is ahead, 50; at least one must be measured), and if 0 lies in the interval of its
    accuracy on neighbours (NA: would it say the true target), where that was measured. A model
    that is surely ahead or surely behind anywhere, or that says true targets, can be. It is at
    chance only if all these intervals are narrow (`WIDEST`) and stand on enough facts (`FEWEST`):
    few facts leave open what the model knows. Without an unedited experiment there is no sentence.
    """
    rows = summary.filter(method="unedited")
    levels = {
        metric.name: 100 * metric.leaf.CHANCE
        for metric in fact_metrics_of(families)
        # a sentence that distracts leads a model that does not know the language too
        if metric.leaf.CHANCE is not None and metric.prompt_type in SCORED
    }
    notes = []
    for language in rows["eval_language"].unique(maintain_order=True):
        own = rows.filter(eval_language=language).drop_nulls(["value", "low"])
        measured = {row["metric"]: row for row in own.iter_rows(named=True)}
        guesses = [measured[metric] for metric in levels if metric in measured]
        known = measured.get(KNOWN_FACTS)
        at_chance = all(row["low"] <= levels[row["metric"]] <= row["high"] for row in guesses)
        if guesses and at_chance and (known is None or known["low"] <= 0):
            notes.append(_sentence(names.get(language, language), guesses, known))
    return notes


def _sentence(language: str, guesses: Sequence[dict], known: dict | None) -> str:
    """Shows the metric with the widest interval, the weakest of the evidence."""
    row = max(guesses, key=_width)
    accuracy = f"; accuracy on known facts {known['value']:.1f}" if known else ""
    facts = f"{row['n_facts']} fact{'' if row['n_facts'] == 1 else 's'}"
    evidence = (
        f"{facts} ({row['metric']} {row['value']:.1f}, interval "
        f"[{row['low']:.1f}, {row['high']:.1f}]{accuracy})"
    )
    if all(_width(row) <= WIDEST and row["n_facts"] >= FEWEST for row in guesses):
        return (
            f"The unedited model is at chance in {language} on {evidence}: figures of this "
            "language say little about knowledge."
        )
    return (
        f"The unedited model cannot be told from chance in {language} on {evidence}: it takes more "
        "facts to say whether it knows this language."
    )


def _width(row: dict) -> float:
    return row["high"] - row["low"]
