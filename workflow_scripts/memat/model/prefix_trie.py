"""Prefix tries: rows that begin alike run their common tokens once.

A trie's nodes are the distinct prefixes of its rows. One forward pass runs all
nodes side by side: each sees itself and its ancestors only (a 4-D attention mask),
at the position it has in its row. Prompts of one relation, the two targets of one
prompt and its variants (`toca el`, `toca la`) share most of their tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from memat.model.editable import EditableModel
from memat.model.masks import Mask, attention_mask

if TYPE_CHECKING:  # loaded with the model (`memat.model.quick`)
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class PrefixTrie:
    """tokens, depths, parents: (n_nodes,); a parent is -1 at the root, and always comes earlier.

    paths: for each row, the nodes of its tokens in order.
    """

    tokens: list[int]
    depths: list[int]
    parents: list[int]
    paths: list[list[int]]


def build_trie(rows: Sequence[Sequence[int]]) -> PrefixTrie:
    """The trie of some rows of token ids."""
    tokens, depths, parents, paths = [], [], [], []
    children: dict[tuple[int, int], int] = {}
    for row in rows:
        node, path = -1, []
        for depth, token in enumerate(row):
            key = (node, token)
            if key not in children:
                children[key] = len(tokens)
                tokens.append(token)
                depths.append(depth)
                parents.append(node)
            node = children[key]
            path.append(node)
        paths.append(path)
    return PrefixTrie(tokens, depths, parents, paths)


def trie_batches(rows: Sequence[Sequence[int]], node_budget: int) -> list[list[int]]:
    """Row numbers in batches whose tries have at most `node_budget` nodes (one row may have more).

    Rows are taken in the order of their tokens, so that those which begin alike meet.
    """
    batches: list[list[int]] = []
    size, previous = 0, ()
    for number in sorted(range(len(rows)), key=lambda r: tuple(rows[r])):
        row = tuple(rows[number])
        new = len(row) - _common(previous, row)
        if batches and size + new <= node_budget:
            batches[-1].append(number)
            size += new
        else:
            batches.append([number])
            size = len(row)
        previous = row
    return batches


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def trie_inputs(
    trie: PrefixTrie, network: "PreTrainedModel"
) -> tuple[torch.Tensor, Mask, torch.Tensor]:
    """Ids (1, n_nodes), mask (`attention_mask`) among the nodes, and positions (1, n_nodes)."""
    n = len(trie.tokens)
    sees = torch.eye(n, dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        if parent >= 0:
            sees[node] |= sees[parent]
    ids, depths = (torch.tensor([row], device=network.device) for row in (trie.tokens, trie.depths))
    mask = attention_mask(network, sees[None].to(network.device), depths, depths)
    return ids, mask, depths


def run_trie(model: EditableModel, trie: PrefixTrie) -> torch.Tensor:
    """Final normed hidden state of every node, (n_nodes, d_model). Raises FactError (too long)."""
    deepest = max(trie.paths, key=len)
    model.require_positions([trie.tokens[node] for node in deepest])
    ids, mask, positions = trie_inputs(trie, model.network)
    return model.last_hidden(ids, mask, position_ids=positions, use_cache=False)[0]
