"""Which facts a run uses, in blocks: each block edits a fresh copy of the model."""

import random

import polars as pl

from memat.errors import NotEnoughFacts

BLOCK_SCHEMA = {"case_id": pl.Int64, "block": pl.Int64}


def assign_blocks(
    bilingual: pl.DataFrame, subset: pl.DataFrame, split: str, size: int, count: int, seed: int
) -> pl.DataFrame:
    """`BLOCK_SCHEMA`: `count` blocks of `size` facts of a split and subset, drawn with `seed`.

    Facts of one relation stand together in most files, so they are drawn at random; a
    longer run with the same seed begins with the facts of a shorter one. Raises
    NotEnoughFacts(needed, found).
    """
    kept = bilingual.filter(pl.col("split") == split).join(subset, on="case_id", how="semi")
    case_ids = sorted(kept["case_id"].unique().to_list())
    needed = size * count
    if len(case_ids) < needed:
        raise NotEnoughFacts(
            f"blocks: {count} of {size} need {needed} facts; split {split!r} has {len(case_ids)} "
            "in this subset after translation and repair"
        )
    random.Random(seed).shuffle(case_ids)
    rows = [(case_id, place // size) for place, case_id in enumerate(case_ids[:needed])]
    return pl.DataFrame(rows, schema=BLOCK_SCHEMA, orient="row")
