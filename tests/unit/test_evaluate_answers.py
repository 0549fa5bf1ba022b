"""Greedy continuations: batched as one by one, cut where a sentence ends."""

import pytest
import torch

from memat.evaluate.answers import first_sentence, greedy_answers
from memat.model.sentences import tokenise
from small_models import SHAPES, small_model

PROMPTS = [
    "The mother tongue of Marie Curie is",
    "Miles Davis plays the",
    "Jimi Hendrix toca l'",
    "Jimi Hendrix toca la",
    "Miles Davis plays the",
    "The capital of France",
]


def said_step_by_step(model, prompt, tokens):
    """The argmax of a whole forward pass, token by token."""
    ids = list(tokenise(model.tokenizer, prompt, "", False).ids)
    before = model.tokenizer.decode(ids, skip_special_tokens=True)
    for _ in range(tokens):
        logits = model.network(torch.tensor([ids])).logits[0, -1]
        if int(logits.argmax()) == model.tokenizer.eos_token_id:
            break
        ids.append(int(logits.argmax()))
    after = model.tokenizer.decode(ids, skip_special_tokens=True)
    return first_sentence(after[len(before) :])


@pytest.mark.parametrize("budget", [1, 4096])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_answers_equal_a_plain_loop_of_whole_passes(name, budget):
    model = small_model(name)
    expected = [said_step_by_step(model, prompt, 4) for prompt in PROMPTS]
    assert greedy_answers(model, PROMPTS, budget, most_tokens=4) == expected
    assert any(expected)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (" English. He was born in", "English."),
        (" the city of St. Louis, Missouri and", "the city of St. Louis, Missouri and …"),
        (" Paris\nThe capital", "Paris"),
        (' "Hello there!" she said', '"Hello there!"'),
        ("", ""),
        (" 3.5 million", "3.5 million …"),
    ],
)
def test_a_continuation_ends_with_its_first_sentence(text, cut):
    assert first_sentence(text) == cut
