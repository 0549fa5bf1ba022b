"""All languages of the dataset in one table: the source's rows and those of every target.

A fact that is lost in one target language stays in the others; one that is lost in all of
them is in none.
"""

from collections.abc import Sequence

import polars as pl

from memat.text.gender import BILINGUAL_SCHEMA
from memat.text.sentences import fact_sentences


def join_languages(
    facts: pl.DataFrame, paired: Sequence[pl.DataFrame], source: str
) -> pl.DataFrame:
    """`BILINGUAL_SCHEMA` in all languages, in file order: of each fact its source rows, then
    those of each target language it has.

    paired: as of `memat.text.gender.paired_facts`, one table a target. source: code of the
    language of the facts.
    """
    by_case = [
        {
            case_id: rows.rows(named=True)
            for (case_id,), rows in table.group_by("case_id", maintain_order=True)
        }
        for table in paired
    ]
    joined = []
    for fact, sentences in fact_sentences(facts):
        translated = [row for rows in by_case for row in rows.get(fact["case_id"], ())]
        if translated:
            joined += [_source_row(fact, sentence, source) for sentence in sentences]
            joined += translated
    return pl.DataFrame(joined, schema=BILINGUAL_SCHEMA)


def facts_by_language(bilingual: pl.DataFrame) -> dict[str, int]:
    """Language → number of its facts, in the order of the table."""
    counts = bilingual.group_by("language", maintain_order=True).agg(pl.col("case_id").n_unique())
    return dict(counts.iter_rows())


def _source_row(fact: dict, sentence, code: str) -> dict:
    prompt = sentence.prompt
    return {
        "case_id": fact["case_id"],
        "relation_id": fact["relation_id"],
        "split": fact["split"],
        "language": code,
        "role": sentence.role,
        "prompt_type": prompt.prompt_type,
        "index": prompt.index,
        "subject": prompt.subject,
        "template": fact["prompt"] if prompt.prompt_type == "rewrite" else None,
        "prompt": prompt.text,
        "target": sentence.target,
        "joined": False,
    }
