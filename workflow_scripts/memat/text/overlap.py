"""How much of a fact's tokens two languages share: Jaccard index, eq. (9)."""

from collections.abc import Callable, Iterable, Sequence

import polars as pl

OVERLAP_SCHEMA = {
    "case_id": pl.Int64,
    "language": pl.String,
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
    bilingual: pl.DataFrame, tokenise: Tokenise, source: str, targets: Sequence[str]
) -> pl.DataFrame:
    """`OVERLAP_SCHEMA`: overlap of subject, relation and new target of each fact in each target
    language it has (`language`), with the source.

    Pieces are tokenised as they stand in a sentence, with a space in front. The
    relation is the rewrite template without the subject, for target_new.
    """
    rewrites = bilingual.filter(prompt_type="rewrite", role="target_new")
    sides = {
        code: {r["case_id"]: r for r in rewrites.filter(language=code).iter_rows(named=True)}
        for code in (source, *targets)
    }
    rows = []
    for language in targets:
        for case_id, two in sides[language].items():
            pieces = zip(_pieces(sides[source][case_id]), _pieces(two), strict=True)
            found = (jaccard(tokenise(f" {one}"), tokenise(f" {other}")) for one, other in pieces)
            rows.append((case_id, language, *found))
    return pl.DataFrame(rows, schema=OVERLAP_SCHEMA, orient="row")


def subsets(overlap: pl.DataFrame, same: float, different: float) -> dict[str, pl.DataFrame]:
    """Case ids of the subsets all, same (J ≥ `same`) and different (J ≤ `different`).

    A fact is in a subset if it belongs there in every target language it has.
    """
    filters = {
        "all": pl.col("subject") >= 0,
        "same": pl.col("subject") >= same,
        "different": pl.col("subject") <= different,
    }
    by_fact = overlap.group_by("case_id", maintain_order=True)
    held = by_fact.agg(kept.all().alias(name) for name, kept in filters.items())
    return {name: held.filter(pl.col(name)).select("case_id") for name in filters}


def bins(overlap: pl.DataFrame, same: float, different: float) -> dict[str, pl.Series]:
    """Case ids of all facts, and of those by the overlap of their subjects: three bins, by name.

    overlap: `OVERLAP_SCHEMA` of one target language. Alike (J ≥ `same`) first, then those between,
    then different ones (J ≤ `different`).
    """
    subject, ids = overlap["subject"], overlap["case_id"]
    return {
        "all": ids,
        f"J ≥ {same:g}": ids.filter(subject >= same),
        f"{different:g} < J < {same:g}": ids.filter((subject < same) & (subject > different)),
        f"J ≤ {different:g}": ids.filter(subject <= different),
    }


def _pieces(row: dict) -> tuple[str, str, str]:
    """Subject, relation and target."""
    return row["subject"], " ".join(row["template"].replace("{}", " ").split()), row["target"]
