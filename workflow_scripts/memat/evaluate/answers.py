"""What a model says after a prompt: its greedy continuation, a few tokens, to be read by a person."""

import re
from collections.abc import Sequence

import torch
from transformers import DynamicCache

from memat.model.batching import halve_rows, length_batches, pad, run_halving
from memat.model.editable import EditableModel
from memat.model.masks import row_mask

MOST_TOKENS = 8
# an end of a sentence after a word of three letters or more ("St. Louis" goes on), or of a line
END = re.compile(r"(?<=\w{3})[.!?…]+[\"'”’)\]]*(?=\s|$)|\n")


@torch.no_grad()
def greedy_answers(
    model: EditableModel, prompts: Sequence[str], token_budget: int, most_tokens: int = MOST_TOKENS
) -> list[str]:
    """The likeliest next tokens of each prompt, at most `most_tokens`, as `first_sentence` cuts them.

    Equal prompts are computed once. token_budget: padded tokens of a batch of prompts.
    """
    distinct = list(dict.fromkeys(prompts))
    rows = [tuple(model.tokenizer(prompt)["input_ids"]) for prompt in distinct]
    new: dict[int, list[int]] = {}

    def work(part: list[int]) -> None:
        new.update(zip(part, _continue(model, [rows[n] for n in part], most_tokens), strict=True))

    for batch in length_batches([len(row) for row in rows], token_budget):
        run_halving(batch, work, halve_rows)
    answers = {
        prompt: first_sentence(_new_text(model, rows[n], new[n]))
        for n, prompt in enumerate(distinct)
    }
    return [answers[prompt] for prompt in prompts]


def first_sentence(text: str) -> str:
    """A continuation up to the first end of a sentence; what goes on ends with an ellipsis."""
    text = text.strip()
    end = END.search(text)
    if end:
        return text[: end.end()].strip()
    return f"{text} …" if text else ""


def _continue(
    model: EditableModel, rows: Sequence[tuple[int, ...]], most_tokens: int
) -> list[list[int]]:
    """The argmax tokens that follow each row, `most_tokens` of them.

    Prompts are padded on the right, as everywhere; the mask hides the gap from the tokens after
    it, and each of them stands at the position it would have in its own row.
    """
    ids, mask = pad(rows, model.device)
    lengths = mask.sum(1)
    positions = torch.arange(ids.shape[1], device=model.device).expand_as(ids)
    cache, last, keys = DynamicCache(), lengths - 1, positions
    found = []
    while True:
        sees = row_mask(model.network, mask, positions, keys)
        hidden = model.last_hidden(
            ids, sees, position_ids=positions, past_key_values=cache, use_cache=True
        )
        read = hidden[torch.arange(len(rows), device=model.device), last]
        found.append(model.network.get_output_embeddings()(read).argmax(-1))
        if len(found) == most_tokens:
            return torch.stack(found, 1).tolist()
        ids, last = found[-1][:, None], torch.zeros_like(last)
        mask = torch.cat([mask, torch.ones_like(ids)], 1)
        positions = (lengths + len(found) - 1)[:, None]
        keys = torch.cat([keys, positions], 1)


def _new_text(model: EditableModel, prompt: tuple[int, ...], new: list[int]) -> str:
    """What was added to a prompt: decoded with it, since tokens may not stand alone."""
    stops = model.network.generation_config.eos_token_id
    stops = stops if isinstance(stops, list) else [stops]
    end = next((place for place, token in enumerate(new) if token in stops), len(new))
    before, after = (
        model.tokenizer.decode(ids, skip_special_tokens=True)
        for ids in (prompt, [*prompt, *new[:end]])
    )
    return after[len(before) :]
