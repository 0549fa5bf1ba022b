"""What a model says after a prompt by itself: its greedy continuation to the end of the sentence,
and the distribution over the next token."""

import math
import re
from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import DynamicCache

from memat.errors import FactError
from memat.model.batching import halve_rows, length_batches, pad, run_halving
from memat.model.editable import EditableModel
from memat.model.masks import row_mask
from memat.model.vocabulary import greedy_tokens

# an end of a sentence after a word of three letters or more ("St. Louis" goes on), or of a line
END = re.compile(r"(?<=\w{3})[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+|\n")


@torch.no_grad()
def greedy_answers(
    model: EditableModel, prompts: Sequence[str], token_budget: int, most_tokens: int
) -> list[str]:
    """The likeliest next tokens of each prompt, as `first_sentence` cuts them.

    Equal prompts are computed once; a prompt leaves its batch when its sentence has ended, or
    with a token that ends a text, or where the model takes no more tokens. token_budget: padded
    tokens of a batch of prompts. most_tokens: of an answer, at least 1. Raises FactError (a prompt
    that is too long).
    """
    distinct = list(dict.fromkeys(prompts))
    rows = [tuple(model.tokenizer(prompt)["input_ids"]) for prompt in distinct]
    model.require_positions(max(rows, key=len, default=()))
    answers: dict[str, str] = {}
    with tqdm(total=len(rows), desc="answers", mininterval=5) as progress:

        def work(part: list[int]) -> None:
            found = _continue(model, [rows[n] for n in part], most_tokens)
            answers.update(zip([distinct[n] for n in part], found, strict=True))
            progress.update(len(part))

        for batch in length_batches([len(row) for row in rows], token_budget):
            run_halving(batch, work, halve_rows)
    return [answers[prompt] for prompt in prompts]


@torch.no_grad()
def next_token_probabilities(model: EditableModel, prompt: str) -> torch.Tensor:
    """P of every token as the next one after a prompt, (n_vocabulary,) float32 or better.

    Raises FactError for a prompt without any token.
    """
    row = model.tokenizer(prompt)["input_ids"]
    if not row:
        raise FactError(f"the prompt {prompt!r} has no token")
    hidden = model.last_hidden(*pad([row], model.device))
    return model.log_probabilities(hidden[0, -1]).exp().cpu()


def first_sentence(text: str, ended: bool = False) -> str:
    """A continuation up to the first end of a sentence; what goes on ends with an ellipsis.

    ended: whether the model ended the text by itself.
    """
    text = text.lstrip()
    end = END.search(text)
    if end:
        return text[: end.end()].strip()
    text = text.rstrip()
    return f"{text} …" if text and not ended else text


def sentence_has_ended(text: str) -> bool:
    """Whether the first sentence of a continuation is there, whatever follows.

    A full stop at the very end may be a decimal point (3.5), or a line's end may follow it.
    """
    text = text.lstrip()
    end = END.search(text)
    return end is not None and (end.end() < len(text) or end.group() == "\n")


def _continue(model: EditableModel, rows: Sequence[tuple[int, ...]], most_tokens: int) -> list[str]:
    """What the model says after each row of token ids.

    Prompts are padded on the right, as everywhere; the mask hides the gap from the tokens after
    it, and each of them stands at the position it would have in its own row.
    """
    stops = model.network.generation_config.eos_token_id
    stops = stops if isinstance(stops, list) else [stops]
    said: list[list[int]] = [[] for _ in rows]
    answers = [""] * len(rows)
    ids, mask = pad(rows, model.device)
    lengths = mask.sum(1)
    positions = torch.arange(ids.shape[1], device=model.device).expand_as(ids)
    cache, last, keys, going = DynamicCache(), lengths - 1, positions, list(range(len(rows)))
    while True:
        sees = row_mask(model.network, mask, positions, keys)
        hidden = model.last_hidden(
            ids, sees, position_ids=positions, past_key_values=cache, use_cache=True
        )
        next_ids = greedy_tokens(model, hidden[torch.arange(len(going), device=model.device), last])
        kept = []
        for place, (row, token) in enumerate(zip(going, next_ids.tolist(), strict=True)):
            if token not in stops:
                said[row].append(token)
            text = _new_text(model, rows[row], said[row])
            answers[row] = first_sentence(text, ended=token in stops)
            full = len(rows[row]) + len(said[row]) > (model.positions or math.inf)
            if token not in stops and not full and not sentence_has_ended(text):
                kept.append(place)
        if not kept or len(said[going[kept[0]]]) == most_tokens:
            return answers
        if len(kept) < len(going):
            places = torch.tensor(kept, device=model.device)
            cache.batch_select_indices(places)
            mask, keys, lengths, next_ids = (
                x.index_select(0, places) for x in (mask, keys, lengths, next_ids)
            )
            going = [going[place] for place in kept]
        ids, last = next_ids[:, None], torch.zeros_like(next_ids)
        mask = torch.cat([mask, torch.ones_like(ids)], 1)
        positions = (lengths + len(said[going[0]]) - 1)[:, None]
        keys = torch.cat([keys, positions], 1)


def _new_text(model: EditableModel, prompt: tuple[int, ...], new: list[int]) -> str:
    """What was added to a prompt: decoded with it, since tokens may not stand alone."""
    before, after = (
        model.tokenizer.decode(ids, skip_special_tokens=True) for ids in (prompt, [*prompt, *new])
    )
    return after[len(before) :]
