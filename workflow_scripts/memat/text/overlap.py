"""How much of a fact's tokens the two languages share: Jaccard index, eq. (9)."""

from collections.abc import Callable, Iterable

import polars as pl

OVERLAP_SCHEMA = {
    "case_id": pl.Int64,
    "subject": pl.Float64,
    "relation": pl.Float64,
    "target": pl.Float64,
}
Tokenise = Callable[[str], Iterable[int]]


def jaccard(first: Iterable[int], second: Iterable[int]) -> float:
    """|a ∩ b| / |a ∪ b| of two sets of token ids; 1 for two empty sets."""
    one, two = set(first), set(second)
    return len(one & two) / len(one | two) if one | two else 1.0


def overlap_table(
    bilingual: pl.DataFrame, tokenise: Tokenise, source: str, target: str
) -> pl.DataFrame:
    """`OVERLAP_SCHEMA`: overlap of subject, relation and new target of each fact.

    Pieces are tokenised as they stand in a sentence, with a space in front. The
    relation is the rewrite template without the subject, for target_new.
    """
    rewrites = bilingual.filter((pl.col("kind") == "rewrite") & (pl.col("role") == "target_new"))
    sides = {
        code: {r["case_id"]: r for r in rewrites.filter(language=code).iter_rows(named=True)}
        for code in (source, target)
    }
    rows = []
    for case_id, one in sides[source].items():
        two = sides[target][case_id]
        rows.append(
            {
                "case_id": case_id,
                "subject": _overlap(tokenise, one["subject"], two["subject"]),
                "relation": _overlap(tokenise, _relation(one), _relation(two)),
                "target": _overlap(tokenise, one["target"], two["target"]),
            }
        )
    return pl.DataFrame(rows, schema=OVERLAP_SCHEMA)


def subsets(overlap: pl.DataFrame, same: float, different: float) -> dict[str, pl.DataFrame]:
    """Case ids of the subsets all, same (J ≥ `same`) and different (J ≤ `different`)."""
    filters = {
        "all": pl.lit(value=True),
        "same": pl.col("subject") >= same,
        "different": pl.col("subject") <= different,
    }
    return {name: overlap.filter(kept).select("case_id") for name, kept in filters.items()}


def _relation(row: dict) -> str:
    return " ".join(row["template"].replace("{}", " ").split())


def _overlap(tokenise: Tokenise, first: str, second: str) -> float:
    return jaccard(tokenise(f" {first}"), tokenise(f" {second}"))
