"""The rows of the bilingual table that one stage works on."""

import polars as pl

from memat.errors import NotEnoughFacts
from memat.model.sentences import EditRequest

NEW, TRUE = "target_new", "target_true"


def facts_of_block(
    bilingual: pl.DataFrame, blocks: pl.DataFrame, block: int, language: str
) -> pl.DataFrame:
    """All rows of one block's facts in one language, facts in the order of `blocks`.

    Raises NotEnoughFacts(block) if there are none.
    """
    cases = blocks.filter(pl.col("block") == block).select("case_id").with_row_index("order")
    rows = bilingual.filter(pl.col("language") == language).join(cases, on="case_id")
    if rows.is_empty():
        raise NotEnoughFacts(f"block {block} has no fact in language '{language}'")
    return rows.sort("order", "role", "kind", "index", maintain_order=True).drop("order")


def rewrite_requests(rows: pl.DataFrame, role: str) -> list[EditRequest]:
    """One `EditRequest` per fact, from its rewrite prompt with the target of `role`."""
    wanted = rows.filter((pl.col("kind") == "rewrite") & (pl.col("role") == role))
    columns = ("case_id", "template", "subject", "target", "joined")
    return [EditRequest(*row) for row in wanted.select(columns).iter_rows()]
