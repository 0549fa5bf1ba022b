"""How many facts are left and why the others are not, in one line; the guard of what needs facts.

Apart from the list of lost facts (`memat.text.lost`), whose wording runs no stage again.
"""

from collections.abc import Iterable

import polars as pl

from memat.errors import NothingLeft

FACT = "record"  # `prompt_type` of a rejected row that stands for a whole fact


def losses_in_words(bilingual: pl.DataFrame, rejected: pl.DataFrame, lost: str) -> str:
    """`5 of 25 facts left: 15 too_few_neighborhood, 5 too_few_paraphrases; see <lost>`.

    lost: path of the table of `lost_table`. Every fact is in the dataset or a rejected record.
    Where facts are lost in several languages, each reason says in which.
    """
    records = rejected.filter(prompt_type=FACT)
    several = records["language"].drop_nulls().n_unique() > 1
    reasons = records.group_by("reason", "language").len("facts")
    counted = reasons.sort("facts", "reason", "language", descending=[True, False, False])
    left = set(bilingual["case_id"])
    given = left | set(records["case_id"])
    because = _because(counted.select("facts", "reason", "language").iter_rows(), several)
    return f"{len(left)} of {len(given)} facts left{because}; see {lost}"


def _because(counted: Iterable[tuple[int, str, str | None]], several: bool) -> str:
    parts = [
        f"{facts} {reason}{f' in {language}' if several and language else ''}"
        for facts, reason, language in counted
    ]
    return f": {', '.join(parts)}" if parts else ""


def require_facts(bilingual: pl.DataFrame, losses: str) -> None:
    """Raise NothingLeft unless the dataset holds a fact. losses: as of `losses_in_words`."""
    if bilingual.is_empty():
        raise NothingLeft(losses)
