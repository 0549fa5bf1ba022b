"""How many facts are left and why the others are not, in one line; the guard of what needs facts.

Apart from the list of lost facts (`memat.text.lost`), whose wording runs no stage again.
"""

from collections.abc import Iterable

import polars as pl

from memat.errors import NothingLeft

FACT = "record"  # kind of a rejected row that stands for a whole fact


def losses_in_words(bilingual: pl.DataFrame, rejected: pl.DataFrame, lost: str) -> str:
    """`5 of 25 facts left: 15 too_few_neighborhood, 5 too_few_paraphrases; see <lost>`.

    lost: path of the table of `lost_table`. Every fact is in the dataset or a rejected record.
    """
    reasons = rejected.filter(kind=FACT)["reason"].value_counts(name="facts")
    counted = reasons.sort(["facts", "reason"], descending=[True, False])
    left = bilingual["case_id"].n_unique()
    given = left + rejected.filter(kind=FACT)["case_id"].n_unique()
    return f"{left} of {given} facts left{_because(counted.iter_rows())}; see {lost}"


def _because(counted: Iterable[tuple[str, int]]) -> str:
    parts = [f"{count} {reason}" for reason, count in counted]
    return f": {', '.join(parts)}" if parts else ""


def require_facts(bilingual: pl.DataFrame, losses: str) -> None:
    """Raise NothingLeft unless the dataset holds a fact. losses: as of `losses_in_words`."""
    if bilingual.is_empty():
        raise NothingLeft(losses)
