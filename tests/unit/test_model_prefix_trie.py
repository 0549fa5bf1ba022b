"""Prefix tries: the same hidden states as each row alone, with fewer tokens."""

import pytest
import torch

from memat.model.prefix_trie import build_trie, run_trie, trie_batches
from small_models import SHAPES, TOLERANCE, WINDOWED, small_model

ROWS = [(5, 6, 7, 8), (5, 6, 9), (5, 6, 7, 8, 10), (11, 6, 7), (5,), (5, 6, 7, 8, 10, 12, 13, 14)]


@pytest.mark.parametrize("name", sorted(SHAPES | WINDOWED))
def test_every_node_is_as_in_its_row_alone(name):
    model, tolerance = small_model(name), TOLERANCE.get(name, 1e-9)
    trie = build_trie(ROWS)
    with torch.no_grad():
        hidden = run_trie(model, trie)
        for row, path in zip(ROWS, trie.paths, strict=True):
            alone = model.last_hidden(torch.tensor([row]))[0]
            torch.testing.assert_close(hidden[path], alone, rtol=tolerance, atol=tolerance)


def test_common_prefixes_are_kept_once():
    trie = build_trie(ROWS)
    prefixes = {row[: i + 1] for row in ROWS for i in range(len(row))}
    assert len(trie.tokens) == len(prefixes) == 12
    for row, path in zip(ROWS, trie.paths, strict=True):
        assert tuple(trie.tokens[node] for node in path) == row
        assert [trie.depths[node] for node in path] == list(range(len(row)))
        assert [trie.parents[node] for node in path] == [-1, *path[:-1]]


@pytest.mark.parametrize("budget", [1, 4, 6, 100])
def test_batches_hold_every_row_once_within_the_budget(budget):
    batches = trie_batches(ROWS, budget)
    assert sorted(number for batch in batches for number in batch) == list(range(len(ROWS)))
    for batch in batches:
        nodes = len(build_trie([ROWS[number] for number in batch]).tokens)
        assert nodes <= budget or len(batch) == 1
