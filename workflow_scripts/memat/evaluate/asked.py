"""The rows of the bilingual table with what one model gives for them: scores, and answers."""

import polars as pl

from memat.evaluate.answers import greedy_answers
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.model.budget import CPU_TOKENS, trie_budget
from memat.model.editable import EditableModel

ANSWER_SCHEMA = {
    "case_id": pl.Int64,
    "block": pl.String,
    "language": pl.String,
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


def answered_rows(model: EditableModel, rows: pl.DataFrame, block: str) -> pl.DataFrame:
    """`ANSWER_SCHEMA`: what the model says after the rewrite prompt of each fact and language.

    rows: of the bilingual table; where the targets have prompts of their own, that of
    target_new is asked.
    """
    asked = rows.filter(prompt_type="rewrite", role="target_new")
    answers = greedy_answers(model, asked["prompt"].to_list(), CPU_TOKENS)
    return asked.select(
        "case_id",
        pl.lit(block).alias("block"),
        "language",
        pl.Series("answer", answers, dtype=pl.String),
    )
