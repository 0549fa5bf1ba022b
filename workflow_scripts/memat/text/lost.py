"""The lost facts and prompts as a table that a person opens."""

from collections.abc import Sequence

import polars as pl

from memat.text.reasons import in_words
from memat.text.rejections import FACT

LOST_SCHEMA = {
    "case_id": pl.Int64,
    "what": pl.String,
    "language": pl.String,
    "prompt_type": pl.String,
    "target_role": pl.String,
    "stage": pl.String,
    "reason": pl.String,
    "why": pl.String,
    "sentence": pl.String,
    "detail": pl.String,
    "subject": pl.String,
}


def lost_table(source: Sequence[dict], rejected: pl.DataFrame) -> pl.DataFrame:
    """`LOST_SCHEMA`: what was lost between the facts file and the dataset, facts before prompts.

    source: every row of the facts file (`memat.text.reader.read_format`). rejected: of all
    stages. language: where it was lost; empty: in all, before the translation. sentence: the prompt
    with its target, in the source language; of a fact, its rewrite prompt with the new target.
    prompt_type is empty for a fact.
    """
    facts = {row["case_id"]: row for row in source}
    rows = [_lost_row(row, facts.get(row["case_id"])) for row in rejected.iter_rows(named=True)]
    rows.sort(key=lambda r: (r["what"] != "fact", r["language"] or "", r["reason"], r["case_id"]))
    return pl.DataFrame(rows, schema=LOST_SCHEMA)


def left_out_neighbours(facts: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """`LOST_SCHEMA`: the neighbour prompts that a set of the run edits itself.

    facts: of the dataset's first stage. rejected: of `memat.text.edited.edited_neighbours`. They
    are known only once the facts are drawn, so they are not in the table of lost prompts.
    """
    asked = rejected.with_columns(pl.lit("target_true").alias("role"))
    return lost_table(facts.to_dicts(), asked)


def _lost_row(row: dict, fact: dict | None) -> dict:
    prompt_type, role = row["prompt_type"], row["role"]
    return {
        **{name: row.get(name) for name in LOST_SCHEMA},
        "what": "fact" if prompt_type == FACT else "prompt",
        "prompt_type": None if prompt_type == FACT else prompt_type,
        "target_role": role,
        "why": in_words(row["reason"]),
        "sentence": source_sentence(fact, prompt_type, row["index"], role) if fact else None,
        "subject": fact["subject"] if fact else None,
    }


def source_sentence(fact: dict, prompt_type: str, index: int | None, role: str | None) -> str:
    """A prompt of a fact in the source language with one of its targets, the new one by default,
    or the prompt's own answer.

    Types "record" and "rewrite" are the rewrite prompt. A prompt or a target that the fact has
    not is left out.
    """
    if prompt_type in (FACT, "rewrite"):
        prompt = fact["prompt"].replace("{}", fact["subject"])
    else:
        listed = fact[f"{prompt_type}_prompts"] or []
        prompt = listed[index] if index is not None and index < len(listed) else ""
    own = fact.get(f"{prompt_type}_answers") if role != "target_new" else None
    target = own[index] if prompt and own else None
    target = target or fact.get(role or "target_new")
    return f"{' '.join(part for part in (prompt, target) if part)}."
