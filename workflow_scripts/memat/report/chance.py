"""Whether the unedited model knows a language at all: told from its own row of the results."""

from collections.abc import Mapping

import polars as pl

from memat.evaluate.metrics import SCORE_PARTS

CHANCE = 50.0  # percent: of two targets, either is as likely to be ahead
KNOWN_FACTS = "NA"  # accuracy of the true targets of neighbours, which no edit has touched


def chance_notes(summary: pl.DataFrame, names: Mapping[str, str]) -> list[str]:
    """A sentence for each language that the unedited model cannot be shown to know.

    summary: of `memat.report.tables.summary_frame`. names: the name of each language code.

    A language is at chance if 50 lies in the interval of every success metric of the unedited
    model that was measured (ES, PS, NS: which of two targets is ahead; at least one must be
    measured), and if 0 lies in the interval of its accuracy on neighbours (NA: would it say
    the true target), where that was measured. A model that is surely ahead or surely behind
    anywhere, or that says true targets, is not. Without an unedited experiment there is no sentence.
    """
    rows = summary.filter(method="unedited")
    notes = []
    for language in rows["eval_language"].unique(maintain_order=True):
        measured = {
            row["metric"]: row
            for row in rows.filter(eval_language=language).iter_rows(named=True)
            if row["value"] is not None and row["low"] is not None
        }
        if _at_chance(measured):
            notes.append(_sentence(names.get(language, language), measured))
    return notes


def _at_chance(measured: Mapping[str, dict]) -> bool:
    success = [measured[metric] for metric in SCORE_PARTS if metric in measured]
    known = measured.get(KNOWN_FACTS)
    return (
        bool(success)
        and all(row["low"] <= CHANCE <= row["high"] for row in success)
        and (known is None or known["low"] <= 0)
    )


def _sentence(language: str, measured: Mapping[str, dict]) -> str:
    shown = next(metric for metric in reversed(SCORE_PARTS) if metric in measured)
    row = measured[shown]
    known = measured.get(KNOWN_FACTS)
    accuracy = f"; accuracy on known facts {known['value']:.1f}" if known else ""
    return (
        f"The unedited model is at chance in {language} ({shown} {row['value']:.1f}, 50 within its "
        f"interval [{row['low']:.1f}, {row['high']:.1f}]{accuracy}): figures of this language say "
        "little about knowledge."
    )
