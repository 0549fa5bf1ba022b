"""Scoring prompts: NLL of a target under teacher forcing, and whether it is the argmax; and the
surprisal of whole sentences: −log P of their tokens, each given those before it.

Prompts and targets run as prefix tries (`memat.model.prefix_trie`): what several rows begin
with runs once, and the output head runs at scored positions only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl
import torch
from tqdm import tqdm

from memat.errors import NonFiniteValue
from memat.model.batching import halve_rows, run_halving
from memat.model.editable import EditableModel
from memat.model.prefix_trie import build_trie, run_trie, trie_batches
from memat.model.sentences import Sentence, tokenise
from memat.model.vocabulary import read_targets

SURPRISAL_SCHEMA = {"sentence": pl.String, "n_tokens": pl.Int64, "nats_per_token": pl.Float64}


@dataclass(frozen=True)
class PromptTarget:
    """One prompt (subject filled in) and one target; `joined`: no space between them."""

    prompt: str
    target: str
    joined: bool = False


@dataclass(frozen=True)
class Scores:
    """Of each target: nll, the sum over its tokens in nats, (n,) float64; n_tokens, (n,);
    is_greedy, (n,) bool: every token of it is the argmax."""

    nll: torch.Tensor
    n_tokens: torch.Tensor
    is_greedy: torch.Tensor


def score_prompts(model: EditableModel, rows: Sequence[PromptTarget], token_budget: int) -> Scores:
    """Score every row; equal rows are computed once. Raises NonFiniteValue(prompt)."""
    distinct = {row: number for number, row in enumerate(dict.fromkeys(rows))}
    sentences = [tokenise(model.tokenizer, r.prompt, r.target, r.joined) for r in distinct]
    scores = score_sentences(model, sentences, token_budget)
    require_finite(scores.nll, "score of prompt", [row.prompt for row in distinct])
    index = torch.tensor([distinct[row] for row in rows], dtype=torch.long)
    return Scores(scores.nll[index], scores.n_tokens[index], scores.is_greedy[index])


@torch.no_grad()
def score_sentences(
    model: EditableModel, sentences: Sequence[Sentence], token_budget: int
) -> Scores:
    """Score the target tokens of each sentence; each has one, behind another token."""
    scores = Scores(
        torch.zeros(len(sentences), dtype=torch.float64),
        torch.tensor([len(s.target_ids) for s in sentences], dtype=torch.long),
        torch.ones(len(sentences), dtype=torch.bool),
    )
    # the last target token predicts nothing that is scored
    batches = trie_batches([s.ids[:-1] for s in sentences], token_budget)
    with tqdm(total=len(sentences), desc="scored targets", mininterval=5) as progress:
        for batch in batches:
            run_halving(batch, lambda part: _score_part(model, sentences, part, scores), halve_rows)
            progress.update(len(batch))
    return scores


def _score_part(model, sentences: list[Sentence], part: list[int], scores: Scores) -> None:
    rows = [sentences[number] for number in part]
    trie = build_trie([sentence.ids[:-1] for sentence in rows])
    read = read_targets(model, trie, run_trie(model, trie), rows)
    numbers = torch.tensor(part)
    scores.nll.index_add_(0, numbers[read.row], -read.log_probability.double())
    scores.is_greedy[numbers[read.row[~read.is_greedy]]] = False


def require_finite(nll: torch.Tensor, what: str, texts: Sequence[str]) -> None:
    """Raise NonFiniteValue, which says what and quotes the first text whose number is not finite."""
    bad = (~nll.isfinite()).nonzero()
    if len(bad):
        raise NonFiniteValue(f"{what} {texts[int(bad[0, 0])]!r} is not finite")


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
