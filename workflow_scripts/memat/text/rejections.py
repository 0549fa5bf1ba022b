"""Nothing disappears silently: what was dropped, at which stage, and why; how many facts are left.

The list of lost facts is `memat.text.lost`, apart, so that its wording runs no stage again.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import polars as pl

from memat.errors import NothingLeft

FACT = "record"  # `prompt_type` of a rejected row that stands for a whole fact
READING = "read_facts"  # the stage that drops facts before any language differs
REJECTED_SCHEMA = {
    "case_id": pl.Int64,
    "stage": pl.String,
    "language": pl.String,
    "prompt_type": pl.String,
    "index": pl.Int64,
    "role": pl.String,
    "reason": pl.String,
    "detail": pl.String,
}


@dataclass(frozen=True)
class Rejection:
    """One dropped record (`prompt_type` is `FACT`, no index) or one dropped prompt.

    language: that in which it is lost; None: in all, as before the translation.
    """

    case_id: int
    stage: str
    prompt_type: str
    reason: str
    index: int | None = None
    role: str | None = None
    detail: str = ""
    language: str | None = None


def rejected_table(rejections: Iterable[Rejection]) -> pl.DataFrame:
    """Rejections as the table that every dataset stage writes."""
    return pl.DataFrame([asdict(rejection) for rejection in rejections], schema=REJECTED_SCHEMA)


def lost_in(rejected: pl.DataFrame, language: str) -> pl.DataFrame:
    """The rejected table of a stage that works on one target language."""
    return rejected.with_columns(pl.lit(language).alias("language"))


def counted(kept: pl.DataFrame, rejected: pl.DataFrame) -> str:
    """One line on what a stage keeps and drops, for the console."""
    records = rejected.filter(prompt_type=FACT).height
    facts = kept["case_id"].n_unique()
    return (
        f"{facts} facts kept, {records} dropped, and {rejected.height - records} prompts of others"
    )


def losses_in_words(bilingual: pl.DataFrame, rejected: pl.DataFrame, lost: str) -> str:
    """`5 of 25 facts left: 15 too_few_neighborhood, 5 too_few_paraphrases; see <lost>`.

    lost: path of the table of `lost_table`. Every fact is in the dataset or a rejected record.
    Where facts are lost in several languages, each reason says in which.
    """
    records = rejected.filter(prompt_type=FACT)
    several = records["language"].drop_nulls().n_unique() > 1
    reasons = records.group_by("reason", "language").len("facts")
    most_first = reasons.sort("facts", "reason", "language", descending=[True, False, False])
    left = set(bilingual["case_id"])
    given = left | set(records["case_id"])
    parts = [
        f"{facts} {reason}{f' in {language}' if several and language else ''}"
        for facts, reason, language in most_first.select("facts", "reason", "language").iter_rows()
    ]
    because = f": {', '.join(parts)}" if parts else ""
    return f"{len(left)} of {len(given)} facts left{because}; see {lost}"


def require_facts(bilingual: pl.DataFrame, losses: str) -> None:
    """Raise NothingLeft unless the dataset holds a fact. losses: as of `losses_in_words`."""
    if bilingual.is_empty():
        raise NothingLeft(losses)
