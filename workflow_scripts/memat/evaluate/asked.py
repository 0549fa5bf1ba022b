"""The rows of the bilingual table with what one model gives for them: scores, and answers."""

from collections.abc import Mapping

import polars as pl

from memat.evaluate.answers import greedy_answers
from memat.evaluate.prompt_types import WANTED
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.model.budget import CPU_TOKENS, trie_budget
from memat.model.editable import EditableModel

ANSWER_SCHEMA = {
    "case_id": pl.Int64,
    "block": pl.String,
    "language": pl.String,
    "prompt_type": pl.String,
    "index": pl.Int64,
    "wanted": pl.String,
    "answer": pl.String,
}


def scored_rows(model: EditableModel, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with nll, n_tokens and is_greedy of their target after their prompt."""
    prompts = [PromptTarget(*row) for row in rows.select("prompt", "target", "joined").iter_rows()]
    scores = score_prompts(model, prompts, trie_budget(model))
    return rows.with_columns(
        pl.Series("nll", scores.nll.numpy()),
        pl.Series("n_tokens", scores.n_tokens.numpy()),
        pl.Series("is_greedy", scores.is_greedy.numpy()),
    )


def answered_rows(
    model: EditableModel, rows: pl.DataFrame, block: str, generate: Mapping
) -> pl.DataFrame:
    """`ANSWER_SCHEMA`: what the model says after the prompts that `generate` asks for.

    rows: of the bilingual table; where the targets have prompts of their own, that of the target
    which is wanted is asked. generate: config section of that name.
    """
    asked = rows.filter(
        pl.col("prompt_type").is_in(generate["prompt_types"]),
        pl.col("role") == pl.col("prompt_type").replace_strict(WANTED, default=None),
    )
    if generate["per_fact"] is not None:
        place = pl.col("index").rank("dense").over("case_id", "language", "prompt_type")
        asked = asked.filter(place <= generate["per_fact"])
    answers = greedy_answers(model, asked["prompt"].to_list(), CPU_TOKENS, generate["tokens"])
    return asked.select(
        "case_id",
        pl.lit(block).alias("block"),
        *("language", "prompt_type", "index"),
        pl.col("target").alias("wanted"),
        pl.Series("answer", answers, dtype=pl.String),
    ).cast(ANSWER_SCHEMA)
