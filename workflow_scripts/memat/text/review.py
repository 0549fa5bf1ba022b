"""A table for a person: every flagged or dropped prompt, and a random sample of the rest.

A row is corrected by changing prompt and target and saving it in the corrections file
(config: repair.corrections), which the next run applies.
"""

import polars as pl

REVIEW_SCHEMA = {
    "case_id": pl.Int64,
    "role": pl.String,
    "kind": pl.String,
    "index": pl.Int64,
    "why": pl.String,
    "source": pl.String,
    "translation": pl.String,
    "prompt": pl.String,
    "target": pl.String,
    "subject": pl.String,
}
COLUMN_MEANINGS = {
    "case_id": "the fact",
    "role": "target_new or target_true: which of its two targets ends the sentence",
    "kind": "rewrite, paraphrase or neighborhood",
    "index": "number of the prompt in its list",
    "why": "flags, the reason it was dropped, or `sample`",
    "source": "the sentence that was translated",
    "translation": "its translation; for a dropped prompt what is known of it",
    "prompt": "the repaired prompt; rewrites with {} for the subject; empty: dropped",
    "target": "the repaired target; empty: dropped",
    "subject": "the subject in the other language",
}
ORDER = ["why", "case_id", "role", "kind", "index"]


def review_table(
    repaired: pl.DataFrame, rejected: pl.DataFrame, sample: int, seed: int
) -> pl.DataFrame:
    """`REVIEW_SCHEMA`: dropped prompts, flagged prompts, and `sample` others at random."""
    prompts = repaired.with_columns(
        why=pl.col("flags").list.join(" "),
        prompt=pl.coalesce("template", "prompt"),
    )
    flagged = prompts.filter(pl.col("why") != "")
    plain = prompts.filter(pl.col("why") == "").with_columns(why=pl.lit("sample"))
    drawn = plain.sample(min(sample, len(plain)), seed=seed)
    dropped = rejected.filter(
        (pl.col("kind") != "record") & (pl.col("stage") == "repair") & pl.col("role").is_not_null()
    ).with_columns(why=pl.col("reason"), translation=pl.col("detail"))
    parts = [_columns(part).sort(ORDER) for part in (dropped, flagged, drawn)]
    return pl.concat(parts)


def column_table() -> pl.DataFrame:
    """What each column of the review table means."""
    return pl.DataFrame(list(COLUMN_MEANINGS.items()), schema=["column", "meaning"], orient="row")


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit("")).cast(kind).alias(name)
        for name, kind in REVIEW_SCHEMA.items()
    )
