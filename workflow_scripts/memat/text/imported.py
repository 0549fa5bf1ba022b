"""A facts file whose records hold both languages: nothing is translated.

Each record has CounterFact's fields in the source language and the two records of
appendix A (`eval_target_new`, `eval_target_true`) in the other one.
"""

import polars as pl

from memat.errors import FactError
from memat.text.gender import BILINGUAL_SCHEMA, LeastPrompts, paired_facts
from memat.text.languages import Language
from memat.text.spans import occurrences


def import_bilingual(
    facts: pl.DataFrame,
    two_record: pl.DataFrame,
    language: Language,
    least: LeastPrompts,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`BILINGUAL_SCHEMA` in the other language and rejected rows, from a bilingual source.

    Raises FactError(case_id) if a fact has no record in the other language.
    """
    missing = facts.join(two_record, on="case_id", how="anti")
    if not missing.is_empty():
        raise FactError(f"case_id {missing['case_id'][0]} has no record in {language.name}")
    rows = two_record.drop("relation_id").join(
        facts.select("case_id", "relation_id", "split"), on="case_id", how="inner"
    )
    prepared = [_as_repaired(row) for row in rows.iter_rows(named=True)]
    return paired_facts(facts, pl.DataFrame(prepared, infer_schema_length=None), language, least)


def _as_repaired(row: dict) -> dict:
    """A prompt in the shape that the gender stage reads; a person wrote its target."""
    subject = row["subject"]
    if row["prompt_type"] != "rewrite" and not occurrences(row["prompt"], subject or ""):
        subject = None
    return {name: row.get(name) for name in BILINGUAL_SCHEMA if name != "language"} | {
        "subject": subject,
        "source": row["prompt"],
        "plain_target": row["target"],
        "answer": row["answer"],
        "flags": ["reviewed"],
    }
