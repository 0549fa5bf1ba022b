"""Scoring prompts: NLL of a target under teacher forcing, and whether it is the argmax.

Every distinct prompt runs once, whatever the number of targets behind it; the
output head runs at scored positions only. A one-token target needs nothing but
the prompt's last position; a longer one continues from the prompt's KV cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm
from transformers import DynamicCache

from memat.errors import NonFiniteValue
from memat.model.batching import length_batches, pad, run_halving
from memat.model.editable import EditableModel
from memat.model.sentences import tokenise


@dataclass(frozen=True)
class PromptTarget:
    """One prompt (subject filled in) and one target; `joined`: no space between them."""

    prompt: str
    target: str
    joined: bool = False


@dataclass(frozen=True)
class Scores:
    """Per row: nll, summed over target tokens in nats (n,) float64; n_tokens (n,); hit (n,) bool."""

    nll: torch.Tensor
    n_tokens: torch.Tensor
    hit: torch.Tensor


@torch.no_grad()
def score_prompts(model: EditableModel, rows: Sequence[PromptTarget], token_budget: int) -> Scores:
    """Score every row; equal rows are computed once. Raises NonFiniteValue(prompt)."""
    distinct = {row: number for number, row in enumerate(dict.fromkeys(rows))}
    sentences = [tokenise(model.tokenizer, r.prompt, r.target, r.joined) for r in distinct]
    by_prefix: dict[tuple[int, ...], list[int]] = {}
    for number, sentence in enumerate(sentences):
        by_prefix.setdefault(sentence.ids[: sentence.target_start], []).append(number)
    prefixes = list(by_prefix)
    targets = [sentence.target_ids for sentence in sentences]
    scores = Scores(
        torch.zeros(len(sentences), dtype=torch.float64),
        torch.tensor([len(t) for t in targets], dtype=torch.long),
        torch.ones(len(sentences), dtype=torch.bool),
    )
    batches = length_batches([len(p) for p in prefixes], token_budget)

    def score_part(part: list[int]) -> None:
        chosen = [prefixes[i] for i in part]
        _score_batch(model, chosen, [by_prefix[prefix] for prefix in chosen], targets, scores)

    with tqdm(total=len(prefixes), desc="scored prompts", mininterval=5) as progress:
        for batch in batches:
            run_halving(batch, score_part)
            progress.update(len(batch))
    _check(scores.nll, list(distinct))
    index = torch.tensor([distinct[row] for row in rows], dtype=torch.long)
    return Scores(scores.nll[index], scores.n_tokens[index], scores.hit[index])


def _score_batch(model, prefixes, owners, targets, scores: Scores) -> None:
    ids, mask = pad(prefixes, model.device)
    longer = [
        (place, row) for place, rows in enumerate(owners) for row in rows if len(targets[row]) > 1
    ]
    mask_or_none = None if bool(mask.all()) else mask
    output = model.network.base_model(
        input_ids=ids, attention_mask=mask_or_none, use_cache=bool(longer)
    )
    last = mask.sum(1) - 1
    hidden = output.last_hidden_state[torch.arange(len(ids), device=ids.device), last]
    log_probs = model.log_probabilities(hidden)
    best = log_probs.argmax(-1)
    for place, rows in enumerate(owners):
        for row in rows:
            scores.nll[row] = -log_probs[place, targets[row][0]].double().cpu()
            scores.hit[row] = bool(best[place] == targets[row][0])
    if longer:
        _score_rest(model, longer, targets, mask, last + 1, output.past_key_values, scores)


def _score_rest(model, longer, targets, mask, lengths, cache, scores: Scores) -> None:
    """Second and later target tokens, from the prompts' cache."""
    place = torch.tensor([p for p, _ in longer], device=mask.device)
    rows = [row for _, row in longer]
    ids, suffix_mask = pad([targets[row][:-1] for row in rows], mask.device)
    chosen = DynamicCache()
    for number, layer in enumerate(cache.layers):
        chosen.update(layer.keys[place], layer.values[place], number)
    positions = lengths[place, None] + torch.arange(ids.shape[1], device=ids.device)
    hidden = model.last_hidden(
        ids,
        torch.cat([mask[place], suffix_mask], 1),
        position_ids=positions,
        past_key_values=chosen,
        use_cache=True,
    )
    spots = [(i, j, t) for i, row in enumerate(rows) for j, t in enumerate(targets[row][1:])]
    at, position, token = (
        torch.tensor(column, device=ids.device) for column in zip(*spots, strict=True)
    )
    log_probs = model.log_probabilities(hidden[at, position])
    nll = -log_probs.gather(1, token[:, None])[:, 0].double().cpu()
    hit = (log_probs.argmax(-1) == token).cpu()
    for number, (i, _j, _t) in enumerate(spots):
        scores.nll[rows[i]] += nll[number]
        scores.hit[rows[i]] &= hit[number]


def _check(nll: torch.Tensor, rows: list[PromptTarget]) -> None:
    bad = (~nll.isfinite()).nonzero()
    if len(bad):
        raise NonFiniteValue(f"score of prompt {rows[int(bad[0, 0])].prompt!r} is not finite")
