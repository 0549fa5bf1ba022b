"""Harder neighbours: each neighbour prompt after the new fact, as a sentence that distracts.

An edited model that has only learnt to say the new target says it again there; so does an
unedited one that is led by what it just read (Hoelscher-Obermaier et al. 2023). Nothing is
translated for it: both sentences stand in the dataset, in every language.
"""

from collections.abc import Sequence

import polars as pl

DISTRACTED, OF = "distracted", "neighborhood"


def prompts_of_types(rows: pl.DataFrame, prompt_types: Sequence[str]) -> pl.DataFrame:
    """The rows of these types, and those made of them where `distracted` is among the types."""
    kept = rows.filter(pl.col("prompt_type").is_in(list(prompt_types)))
    return pl.concat([kept, distracted_prompts(rows)]) if DISTRACTED in prompt_types else kept


def new_facts(rows: pl.DataFrame) -> pl.DataFrame:
    """The rewrite rows of the new targets, with the `sentence` that states each fact."""
    space = pl.when("joined").then(pl.lit("")).otherwise(pl.lit(" "))
    stated = pl.concat_str(pl.col("prompt"), space, pl.col("target"), pl.lit("."))
    return rows.filter(prompt_type="rewrite", role="target_new").with_columns(sentence=stated)


def distracted_prompts(rows: pl.DataFrame) -> pl.DataFrame:
    """The neighbour prompts among `rows` as `distracted` ones, in their order.

    rows: of the bilingual table. Before each prompt stand the rewrite prompt of its fact, in its
    language and in the words of the new target, that target and a full stop.
    """
    facts = new_facts(rows).select("case_id", "language", "sentence")
    asked = rows.filter(prompt_type=OF)
    asked = asked.join(facts, on=["case_id", "language"], how="inner", maintain_order="left")
    return asked.with_columns(
        prompt_type=pl.lit(DISTRACTED), prompt=pl.concat_str("sentence", "prompt", separator=" ")
    ).select(rows.columns)
