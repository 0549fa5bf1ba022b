"""Nothing disappears silently: what was dropped, at which stage, and why."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import polars as pl

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
    """One dropped record (`prompt_type="record"`, no index) or one dropped prompt.

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
    records = rejected.filter(prompt_type="record").height
    facts = kept["case_id"].n_unique()
    return (
        f"{facts} facts kept, {records} dropped, and {rejected.height - records} prompts of others"
    )
