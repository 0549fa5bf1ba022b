"""Running only the ends of rows: the same hidden states as the whole rows, from any block on."""

import pytest
import torch

from memat.model import suffix
from memat.model.suffix import SuffixRow, prepare_suffixes, prepare_tries, run_suffixes
from small_models import SHAPES, TOLERANCE, WINDOWED, small_model

# common beginnings, prefixes of every length down to none, suffixes of several lengths
ROWS = [
    SuffixRow((5, 6, 7), (8, 9)),
    SuffixRow((5, 6), (7, 8, 10)),
    SuffixRow((5, 6, 7, 8), (11,)),
    SuffixRow((), (12, 13)),
    SuffixRow((), (14, 13, 5, 6)),
    SuffixRow((5, 6, 7, 8, 9, 10), (11, 12, 13)),  # longer than the windows
]


def whole(row: SuffixRow) -> torch.Tensor:
    return torch.tensor([row.prefix + row.suffix])


@pytest.mark.parametrize("nodes", [1, 5, 100])
@pytest.mark.parametrize("first_layer", [0, 1, 2])
@pytest.mark.parametrize("name", sorted(SHAPES | WINDOWED))
def test_suffixes_end_as_in_the_whole_row(name, first_layer, nodes, monkeypatch):
    monkeypatch.setattr(suffix, "trie_budget", lambda _model: nodes)
    model, tolerance = small_model(name), TOLERANCE.get(name, 1e-9)
    seen = set()
    with torch.no_grad():
        for batch in prepare_suffixes(model, ROWS, first_layer, token_budget=12):
            hidden = run_suffixes(model, batch, batch.hidden)
            for place, number in enumerate(batch.rows.tolist()):
                row = ROWS[number]
                expected = model.last_hidden(whole(row))[0, len(row.prefix) :]
                found = hidden[place, : len(row.suffix)]
                torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
                seen.add(number)
    assert seen == set(range(len(ROWS)))


@pytest.mark.parametrize("first_layer", [0, 2])
@pytest.mark.parametrize("name", sorted(SHAPES | WINDOWED))
def test_tries_entered_at_a_block_end_as_the_whole_row(name, first_layer):
    model, tolerance = small_model(name), TOLERANCE.get(name, 1e-9)
    rows = [row.prefix + row.suffix for row in ROWS]
    with torch.no_grad():
        for batch, paths in prepare_tries(model, rows, first_layer):
            hidden = run_suffixes(model, batch, batch.hidden)[0]
            for number, path in zip(batch.rows.tolist(), paths, strict=True):
                expected = model.last_hidden(whole(ROWS[number]))[0]
                torch.testing.assert_close(hidden[path], expected, rtol=tolerance, atol=tolerance)


def test_rows_of_other_lengths_wait_for_each_other_only_while_there_are_few():
    rows = [SuffixRow((1,), (2,) * n) for n in (1, 2, 3) for _ in range(30)]
    sizes = [[len(rows[n].suffix) for n in group] for group in suffix._groups(rows)]
    # 30 tokens are too few for a product of their own, 30 + 60 padded to 120 are enough
    assert [sorted(set(group)) for group in sizes] == [[1, 2], [3]]
