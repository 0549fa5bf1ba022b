"""Surprisal of whole sentences: −log P of their tokens, each given those before it."""

from collections.abc import Iterable

import polars as pl

from memat.evaluate.scores import require_finite, score_sentences
from memat.model.editable import EditableModel
from memat.model.sentences import Sentence

SURPRISAL_SCHEMA = {"sentence": pl.String, "n_tokens": pl.Int64, "nats_per_token": pl.Float64}


def sentence_surprisal(
    model: EditableModel, texts: Iterable[str], token_budget: int
) -> pl.DataFrame:
    """`SURPRISAL_SCHEMA`: a row for each distinct text, in the order of the alphabet.

    n_tokens: those that are predicted. The first token of a text is one of them where the
    tokenizer puts a BOS token before it, and is given otherwise. A text of which nothing is
    predicted is no row. Raises NonFiniteValue(text).
    """
    ids = {text: tuple(model.tokenizer(text)["input_ids"]) for text in sorted(set(texts))}
    sentences = {text: Sentence(row, None, 1) for text, row in ids.items() if len(row) > 1}
    scores = score_sentences(model, list(sentences.values()), token_budget)
    require_finite(scores.nll, "surprisal of", list(sentences))
    means = (scores.nll / scores.n_tokens).tolist()
    table = {"sentence": list(sentences), "n_tokens": scores.n_tokens.tolist()}
    return pl.DataFrame(table | {"nats_per_token": means}, schema=SURPRISAL_SCHEMA)
