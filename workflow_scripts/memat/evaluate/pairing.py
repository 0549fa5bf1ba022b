"""Catalan prompts paired as in the released code, for comparison with its published numbers.

A fact has two records in the target language, and their prompts may differ in gender or
article: `toca el` + `piano`, `toca la` + `guitarra`. The protocol reads each target after
the prompt of its own record and compares prompt by prompt (`memat.evaluate.metrics`). The
released code puts the prompts of both records into one list, those of `target_true` first,
gives its places o* and o^c in turn, and compares neighbours. So a target may follow the
prompt of the other record, and two different prompts may be compared.
"""

import polars as pl

from memat.errors import DamagedFile

NEW, TRUE = "target_new", "target_true"
# role of a score: its target, and the record whose prompt it follows
CROSSED = {"new_after_true": (NEW, TRUE), "true_after_new": (TRUE, NEW)}
ROLES = {NEW: (NEW, NEW), TRUE: (TRUE, TRUE)} | CROSSED


def with_crossed_targets(rows: pl.DataFrame) -> pl.DataFrame:
    """The prompts of one language, and each once more with the target of the other record.

    rows: case_id, role, kind, index, prompt, target, joined, …; the added rows have the roles
    of `CROSSED`. Whether a target is joined to a prompt is up to the prompt.
    """
    place = ["case_id", "kind", "index"]
    crossed = [
        rows.filter(role=record)
        .drop("target")
        .join(rows.filter(role=target).select(*place, "target"), on=place)
        .with_columns(role=pl.lit(role))
        .select(rows.columns)
        for role, (target, record) in CROSSED.items()
    ]
    return pl.concat([rows, *crossed])


def concatenated(scores: pl.DataFrame, language: str) -> pl.DataFrame:
    """A scores table in which `index` counts the released code's pairs; other languages stay.

    scores: as for `memat.evaluate.metrics.fact_metrics`, in `language` with the roles of
    `CROSSED` as well. Of a kind with m prompts a record, places 0 … m−1 of the list are those
    of `target_true`, the next m those of `target_new`; pair j is o* at place 2j and o^c at
    place 2j+1, so that half of the scores are used. A role is the one of the target again.
    Raises DamagedFile where crossed targets were not scored.
    """
    ours = scores.filter(language=language)
    if missing := sorted(ROLES.keys() - set(ours["role"])):
        raise DamagedFile(f"scores in {language}: no targets of the roles {', '.join(missing)}")
    prompts = ["case_id", "block", "kind"]
    number = pl.col("index").rank("dense").over(prompts).cast(pl.Int64) - 1
    count = pl.col("index").n_unique().over(prompts).cast(pl.Int64)
    target, record = (
        pl.col("role").replace_strict({role: pair[side] for role, pair in ROLES.items()})
        for side in (0, 1)
    )
    listed = ours.with_columns(
        role=target, index=number + pl.when(record == NEW).then(count).otherwise(0)
    )
    takes_turn = (pl.col("index") % 2 == 0) == (pl.col("role") == NEW)
    pairs = listed.filter(takes_turn).with_columns(pl.col("index") // 2)
    return pl.concat([scores.filter(pl.col("language") != language), pairs])
