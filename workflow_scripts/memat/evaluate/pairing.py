"""Prompts of a target language paired as in the released code, to compare with its published numbers.

A fact has two records in a target language, and their prompts may differ in gender or
article: `toca el` + `piano`, `toca la` + `guitarra`. The protocol reads each target after
the prompts of its own record and compares prompt by prompt (`memat.evaluate.metrics`). The
released code puts the prompts of both records into one list, those of `target_true` first,
gives its places o* and o^c in turn, and compares neighbours. So a target may follow the
prompt of the other record, and two different prompts may be compared.
"""

from collections.abc import Sequence

import polars as pl

NEW, TRUE = "target_new", "target_true"


def concatenated(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows to score of a target language, its targets where the released code has them.

    rows: case_id, role, prompt_type, index, prompt, target, joined, …, both roles of every prompt.
    Of a type with m prompts a record, places 0 … m−1 of the list are those of `target_true`, the
    next m those of `target_new`; o* at place 2j and o^c at place 2j+1 are pair j. In the
    result `role` is that of the target and `index` counts pairs, so that scores are compared
    as ever. Whether a target is joined to a prompt is up to the prompt. The prompts of a fact
    without a true target, and those that only have an answer of their own, stay as they are.
    """
    known = (pl.col("role") == TRUE) & (pl.col("prompt_type") == "rewrite")
    both = known.any().over("case_id") & pl.col("role").is_in([NEW, TRUE])
    prompts, paired = ["case_id", "prompt_type"], rows.filter(both)
    number = pl.col("index").rank("dense").over(prompts).cast(pl.Int64) - 1
    count = pl.col("index").n_unique().over(prompts).cast(pl.Int64)
    place = pl.col("place")
    paired = (
        paired.with_columns(place=number + pl.when(role=NEW).then(count).otherwise(0))
        .with_columns(role=pl.when(place % 2 == 0).then(pl.lit(NEW)).otherwise(pl.lit(TRUE)))
        .drop("target")
        .join(
            paired.select(*prompts, "index", "role", "target"),
            on=[*prompts, "index", "role"],
            maintain_order="left",
        )
        .with_columns(index=place // 2)
    )
    return pl.concat([paired.select(rows.columns), rows.filter(~both)])


def rows_to_score(asked: pl.DataFrame, targets: Sequence[str], pairing: str) -> pl.DataFrame:
    """The rows asked, or with `concatenated` pairing those of the target languages in its list."""
    if pairing != "concatenated":
        return asked
    is_target = pl.col("language").is_in(list(targets))
    paired = [concatenated(asked.filter(language=code)) for code in targets]
    return pl.concat([asked.filter(~is_target), *paired])
