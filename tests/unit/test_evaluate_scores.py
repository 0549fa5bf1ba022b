"""Scores against one forward pass per row, and the exported model against the live one."""

import pytest
import torch

from memat.errors import NonFiniteValue
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.model import vocabulary
from oracles import oracle_nll
from small_models import SHAPES, TOLERANCE, small_model

ROWS = [
    PromptTarget("The mother tongue of Marie Curie is", "Polish"),
    PromptTarget("The mother tongue of Marie Curie is", "French and the capital"),
    PromptTarget("Miles Davis plays the", "trumpet"),
    PromptTarget("Jimi Hendrix toca l'", "orgue", joined=True),
    PromptTarget("Jimi Hendrix toca la", "trompeta"),
    PromptTarget("Therefore, the sky is blue. Because it is the case that Miles", "Davis"),
    PromptTarget("Miles Davis plays the", "trumpet"),
]


@pytest.mark.parametrize("budget", [8, 40, 4096])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_scores_equal_one_pass_per_row(name, budget):
    model = small_model(name)
    scores = score_prompts(model, ROWS, budget)
    for i, row in enumerate(ROWS):
        nll, n_tokens, is_greedy = oracle_nll(model, row.prompt, row.target, row.joined)
        assert float(scores.nll[i]) == pytest.approx(nll, rel=TOLERANCE.get(name, 1e-9))
        assert (int(scores.n_tokens[i]), bool(scores.is_greedy[i])) == (n_tokens, is_greedy)


@pytest.mark.parametrize(("positions", "words"), [(1, 50), (3, 1000)])
def test_logits_of_a_large_vocabulary_are_cut(monkeypatch, positions, words):
    model = small_model("llama")
    whole = score_prompts(model, ROWS, 4096)
    monkeypatch.setattr(vocabulary, "POSITIONS_TOGETHER", positions)
    monkeypatch.setattr(vocabulary, "WORDS_TOGETHER", words)
    shapes, logits = [], type(model).logits
    monkeypatch.setattr(
        type(model), "logits", lambda m, *a: shapes.append((found := logits(m, *a)).shape) or found
    )
    parts = score_prompts(model, ROWS, 4096)
    assert max(rows for rows, _ in shapes) == positions
    assert max(columns for _, columns in shapes) == min(words, model.vocabulary_size)
    torch.testing.assert_close(parts.nll, whole.nll, rtol=1e-9, atol=0)
    assert parts.is_greedy.equal(whole.is_greedy)


def test_some_targets_here_have_several_tokens_and_some_rows_repeat():
    model = small_model("llama")
    scores = score_prompts(model, ROWS, 40)
    assert int(scores.n_tokens.max()) > 2
    assert float(scores.nll[2]) == float(scores.nll[6])


def test_a_bos_token_is_scored_with_the_prompt_never_with_the_target():
    model = small_model("llama", bos=True)
    scores = score_prompts(model, ROWS, 40)
    for i, row in enumerate(ROWS):
        assert float(scores.nll[i]) == pytest.approx(
            oracle_nll(model, row.prompt, row.target, row.joined)[0]
        )


def test_out_of_memory_halves_the_batch_says_so_and_changes_nothing(monkeypatch, caplog):
    from memat.evaluate import scores as module

    model = small_model("llama")
    expected = score_prompts(model, ROWS, 4096)
    whole = module._score_part

    def small_only(model, sentences, part, scores):
        if len(part) > 2:
            raise torch.OutOfMemoryError("as if")
        return whole(model, sentences, part, scores)

    monkeypatch.setattr(module, "_score_part", small_only)
    found = score_prompts(model, ROWS, 4096)
    torch.testing.assert_close(found.nll, expected.nll)
    assert "out of memory: going on with half batches" in caplog.text


def test_a_broken_weight_names_the_prompt():
    model = small_model("llama")
    with torch.no_grad():
        model.mlp_matrix(3)[0, 0] = float("nan")
    with pytest.raises(NonFiniteValue, match="prompt"):
        score_prompts(model, ROWS, 40)
