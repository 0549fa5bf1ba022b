"""Token trees: the same hidden states as each row alone, with fewer tokens."""

import pytest
import torch

from memat.model.trees import grow_tree, run_tree, tree_batches
from small_models import SHAPES, TOLERANCE, WINDOWED, small_model

ROWS = [(5, 6, 7, 8), (5, 6, 9), (5, 6, 7, 8, 10), (11, 6, 7), (5,), (5, 6, 7, 8, 10, 12, 13, 14)]


@pytest.mark.parametrize("name", sorted(SHAPES | WINDOWED))
def test_every_node_is_as_in_its_row_alone(name):
    model, tolerance = small_model(name), TOLERANCE.get(name, 1e-9)
    tree = grow_tree(ROWS)
    with torch.no_grad():
        hidden = run_tree(model, tree)
        for row, path in zip(ROWS, tree.paths, strict=True):
            alone = model.last_hidden(torch.tensor([row]))[0]
            torch.testing.assert_close(hidden[path], alone, rtol=tolerance, atol=tolerance)


def test_common_beginnings_are_kept_once():
    tree = grow_tree(ROWS)
    beginnings = {row[: i + 1] for row in ROWS for i in range(len(row))}
    assert len(tree.tokens) == len(beginnings) == 12
    for row, path in zip(ROWS, tree.paths, strict=True):
        assert tuple(tree.tokens[node] for node in path) == row
        assert [tree.depths[node] for node in path] == list(range(len(row)))
        assert [tree.parents[node] for node in path] == [-1, *path[:-1]]


@pytest.mark.parametrize("budget", [1, 4, 6, 100])
def test_batches_hold_every_row_once_within_the_budget(budget):
    batches = tree_batches(ROWS, budget)
    assert sorted(number for batch in batches for number in batch) == list(range(len(ROWS)))
    for batch in batches:
        nodes = len(grow_tree([ROWS[number] for number in batch]).tokens)
        assert nodes <= budget or len(batch) == 1
