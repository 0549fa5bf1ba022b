"""Greedy continuations: batched as one by one, stopped and cut where a sentence ends."""

import pytest
import torch

from memat.evaluate import answers as module
from memat.evaluate.answers import first_sentence, greedy_answers, sentence_has_ended
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


def said_step_by_step(model, prompt, tokens, stop=None):
    """The argmax of a whole forward pass of one prompt, token by token, to the very limit."""
    ids = list(tokenise(model.tokenizer, prompt, "", False).ids)
    before = model.tokenizer.decode(ids, skip_special_tokens=True)
    ended = False
    for _ in range(tokens):
        logits = model.network(torch.tensor([ids])).logits[0, -1]
        ended = int(logits.argmax()) == stop
        if ended:
            break
        ids.append(int(logits.argmax()))
    after = model.tokenizer.decode(ids, skip_special_tokens=True)
    return first_sentence(after[len(before) :], ended)


@pytest.mark.parametrize("budget", [1, 4096])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_answers_equal_a_plain_loop_of_whole_passes(name, budget):
    model = small_model(name)
    stop = model.tokenizer.eos_token_id
    expected = [said_step_by_step(model, prompt, 4, stop) for prompt in PROMPTS]
    assert greedy_answers(model, PROMPTS, budget, 4) == expected
    assert any(expected)


def ending_tokens(model, tokens):
    """What each distinct prompt says, token by token, to the limit."""
    found = []
    for prompt in dict.fromkeys(PROMPTS):
        ids = list(tokenise(model.tokenizer, prompt, "", False).ids)
        start = len(ids)
        for _ in range(tokens):
            ids.append(int(model.network(torch.tensor([ids])).logits[0, -1].argmax()))
        found.append(ids[start:])
    return found


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "gpt2", "falcon"])
def test_rows_that_end_leave_the_batch_and_change_no_other(name, monkeypatch):
    """A token that one row says early ends the text: the other rows go on as if alone."""
    model = small_model(name)
    said = ending_tokens(model, 8)
    # ends some rows at their second to fifth token, and not all
    stop = next(
        token
        for row in said
        for token in row[1:5]
        if 0 < sum(token in other[:6] for other in said) < len(said)
    )
    monkeypatch.setattr(model.network.generation_config, "eos_token_id", [stop, 10**6])
    widths = []
    original = module.row_mask
    monkeypatch.setattr(
        module, "row_mask", lambda *given: widths.append(len(given[1])) or original(*given)
    )
    expected = [said_step_by_step(model, prompt, 8, stop) for prompt in PROMPTS]
    assert greedy_answers(model, PROMPTS, 4096, 8) == expected
    assert widths[0] == len(said)
    assert widths[-1] < len(said)
    assert sorted(widths, reverse=True) == widths


def test_an_answer_stops_with_its_sentence(monkeypatch):
    """Whatever comes after the first line, or after a full stop and a blank, is not computed."""
    model = small_model("llama")
    texts = iter(["Par", "Paris", "Paris.", "Paris. The"])
    monkeypatch.setattr(module, "_new_text", lambda *_: next(texts))
    assert greedy_answers(model, PROMPTS[:1], 4096, 50) == ["Paris."]
    assert list(texts) == []


@pytest.mark.parametrize(
    ("text", "ended", "cut"),
    [
        (" English. He was born in", False, "English."),
        (" the city of St. Louis, Missouri and", False, "the city of St. Louis, Missouri and …"),
        (" the city of St. Louis", True, "the city of St. Louis"),
        (" Paris\nThe capital", False, "Paris"),
        (" Paris\n", False, "Paris"),
        ("\n\nParis", False, "Paris …"),
        (' "Hello there!" she said', False, '"Hello there!"'),
        ("", False, ""),
        ("", True, ""),
        (" 3.5 million", False, "3.5 million …"),
        ("英语。他", False, "英语。"),
    ],
)
def test_a_continuation_ends_with_its_first_sentence(text, ended, cut):
    assert first_sentence(text, ended) == cut


WHOLE = [
    " the year 1999. He was",
    " Paris\n",
    ' a "star!" in',
    " 100.5 km away. And",
    "英语。他",
    " St. Louis.",
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_sentence_that_has_ended_is_cut_alike_whatever_follows(text):
    """Stopping early is safe: no longer text has another first sentence."""
    for length in range(len(text) + 1):
        part = text[:length]
        if sentence_has_ended(part):
            for more in (text[length:], " more.", "\nmore", "…", "5"):
                assert first_sentence(part) == first_sentence(part + more)
    assert sentence_has_ended(text + " more")
