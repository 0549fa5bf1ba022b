"""Which facts a run uses, in blocks: each block edits a fresh copy of the model."""

import random

import polars as pl

from memat.errors import NotEnoughFacts
from memat.fact_sets import DONOR, TUNING

BLOCK_SCHEMA = {"case_id": pl.Int64, "block": pl.String}
TUNING_SPLIT = "tuning"


def assign_blocks(
    bilingual: pl.DataFrame,
    subset: pl.DataFrame,
    split: str,
    size: int | None,
    count: int,
    donor: int,
    tuning: int,
    seed: int,
) -> pl.DataFrame:
    """`BLOCK_SCHEMA`: `count` blocks of `size` facts of a split and subset, drawn with `seed`;
    then `donor` facts more in a set of their own, and `tuning` facts to search settings with.

    size: None makes one block of all facts that the other two sets leave.
    Facts of one relation stand together in most files, so they are drawn at random; a
    longer run with the same seed begins with the facts of a shorter one. The tuning set is
    of the tuning split, or of what no block holds where the file has no such split.
    Raises NotEnoughFacts(needed, found).
    """
    reported = _drawn(bilingual, subset, split, seed)
    searched = _drawn(bilingual, subset, TUNING_SPLIT, seed) if split != TUNING_SPLIT else []
    if size is None:
        size = max(len(reported) - donor - (0 if searched else tuning), 1)
    n_blocks = size * count
    _require(f"{count} of {size}", n_blocks, reported, split)
    rows = [(case_id, str(place // size)) for place, case_id in enumerate(reported[:n_blocks])]
    rest = reported[n_blocks:]
    _require("donor", donor, rest, split)
    rows += [(case_id, DONOR) for case_id in rest[:donor]]
    _require("tuning", tuning, searched or rest[donor:], TUNING_SPLIT if searched else split)
    rows += [(case_id, TUNING) for case_id in (searched or rest[donor:])[:tuning]]
    return pl.DataFrame(rows, schema=BLOCK_SCHEMA, orient="row")


def _drawn(bilingual: pl.DataFrame, subset: pl.DataFrame, split: str, seed: int) -> list[int]:
    kept = bilingual.filter(pl.col("split") == split).join(subset, on="case_id", how="semi")
    case_ids = sorted(kept["case_id"].unique().to_list())
    random.Random(seed).shuffle(case_ids)
    return case_ids


def _require(what: str, needed: int, found: list[int], split: str) -> None:
    if len(found) < needed:
        raise NotEnoughFacts(
            f"blocks: {what} need {needed} facts; split {split!r} has {len(found)} left for them "
            "in this subset after translation and repair"
        )
