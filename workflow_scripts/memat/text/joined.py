"""All languages of the dataset in one table: the source's rows and those of every target.

A fact that is lost in one target language stays in the others; one that is lost in all of
them is in none.
"""

from collections.abc import Sequence

import polars as pl

from memat.text.prompts import BILINGUAL_SCHEMA


def join_languages(prompts: pl.DataFrame, paired: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """`BILINGUAL_SCHEMA` in all languages, in file order: of each fact its source rows, then
    those of each target language it has.

    prompts: of the source, `memat.text.prompts.PROMPT_SCHEMA`. paired: as of
    `memat.text.gender.paired_facts`, one table a target.
    """
    translated = pl.concat(paired)
    source = prompts.select(*BILINGUAL_SCHEMA).join(
        translated, on="case_id", how="semi", maintain_order="left"
    )
    places = prompts.select("case_id").unique(maintain_order=True).with_row_index("place")
    rows = pl.concat([source, translated]).join(places, on="case_id", maintain_order="left")
    return rows.sort("place", maintain_order=True).drop("place")


def facts_by_language(bilingual: pl.DataFrame) -> dict[str, int]:
    """Language → number of its facts, in the order of the table."""
    counts = bilingual.group_by("language", maintain_order=True).agg(pl.col("case_id").n_unique())
    return dict(counts.iter_rows())
