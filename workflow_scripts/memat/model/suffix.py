"""Running only what a step can change: the end of each row, through the upper blocks.

Positions before the first changed one keep their keys and values (the KV cache of
the prefix), and blocks below the first changed one keep their output. Both are
computed once, so a step of value or correction optimisation runs `suffix` tokens
through `blocks[first_layer:]`. Works with any causal model through
`past_key_values`, because prefixes are right-padded and positions are explicit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from memat.model.batching import length_batches, pad
from memat.model.budget import trie_budget
from memat.model.editable import EditableModel, entering_at
from memat.model.hooks import inputs_seen, stopping_before
from memat.model.masks import Mask, mask_among, row_mask
from memat.model.prefix_trie import PrefixTrie, build_trie, trie_batches, trie_inputs

if TYPE_CHECKING:  # loaded with the model (`memat.model.quick`)
    from transformers import DynamicCache

# a product with fewer rows takes as long as one with so many, for loading the weights
ENOUGH_TOKENS = 64
# prefix tokens that take as much memory as one suffix token with its gradients
PREFIX_SHARE = 16


@dataclass(frozen=True)
class SuffixRow:
    """One row: the tokens that stay as they are, and the tokens run in every step."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @classmethod
    def split(cls, ids: Sequence[int], start: int) -> "SuffixRow":
        return cls(tuple(ids[:start]), tuple(ids[start:]))


@dataclass(frozen=True)
class SuffixBatch:
    """Rows with what stays fixed while they are optimised.

    rows: row numbers, (n,). hidden: input of block `first_layer` at the suffix
    positions, (n, n_suffix, d_model); a prefix trie is one row of nodes with its own mask.
    cache: keys and values of the prefix for the blocks from `first_layer` on, each
    (n, kv_heads, n_prefix, head_dim), or None where no row has a prefix. mask: of rows,
    (n, n_prefix + n_suffix), 0 at padding; of a trie, among its nodes. positions: (n, n_suffix).
    """

    rows: torch.Tensor
    hidden: torch.Tensor
    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...] | None
    mask: Mask
    positions: torch.Tensor
    first_layer: int

    def keep(self, wanted: torch.Tensor) -> "SuffixBatch":
        """The batch without the rows where `wanted`, (n,) bool, is False."""
        if bool(wanted.all()):
            return self
        cache = self.cache and tuple((k[wanted], v[wanted]) for k, v in self.cache)
        return replace(
            self,
            rows=self.rows[wanted],
            hidden=self.hidden[wanted],
            cache=cache,
            mask=self.mask[wanted],
            positions=self.positions[wanted],
        )


@dataclass(frozen=True)
class _TrieStates:
    """What is computed once for all rows, on the nodes of their prefix tries.

    hidden: input of block `first_layer` at every node, (n_nodes, d_model). cache: keys
    and values of every node for the blocks from `first_layer` on, each (kv_heads,
    n_nodes, head_dim); only those of prefix nodes are filled. paths: the nodes of each row.
    """

    hidden: torch.Tensor
    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...] | None
    paths: list[list[int]]


@torch.no_grad()
def prepare_suffixes(
    model: EditableModel, rows: Sequence[SuffixRow], first_layer: int, token_budget: int
) -> list[SuffixBatch]:
    """Run every row once up to what changes; batches hold rows with suffixes of like length.

    token_budget: padded suffix tokens a batch may have; a prefix token, of which only keys
    and values are kept, counts as a part of one. Raises FactError (a row that is too long).
    """
    model.require_positions(max((row.prefix + row.suffix for row in rows), key=len, default=()))
    states = _run_prefix_tries(model, rows, first_layer)
    batches = []
    for numbers in _groups(rows):
        sizes = [len(rows[n].prefix) + len(rows[n].suffix) * PREFIX_SHARE for n in numbers]
        for batch in length_batches(sizes, token_budget * PREFIX_SHARE):
            part = [numbers[i] for i in batch]
            batches.append(_batch(rows, part, states, first_layer))
    return batches


@torch.no_grad()
def prepare_tries(
    model: EditableModel, rows: Sequence[Sequence[int]], first_layer: int
) -> list[tuple[SuffixBatch, list[list[int]]]]:
    """Whole rows as prefix tries, for changes that are the same at every position.

    Each batch is one trie, laid out as a single row of nodes, and comes with the path of
    each of its rows: the nodes of its tokens. Raises FactError (a row that is too long).
    """
    model.require_positions(max(rows, key=len, default=()))
    prepared = []
    for numbers in trie_batches(rows, trie_budget(model)):
        trie = build_trie([rows[n] for n in numbers])
        _ids, mask, positions = inputs = trie_inputs(trie, model.network)
        batch = SuffixBatch(
            rows=torch.tensor(numbers, device=model.device),
            hidden=_entering(model, inputs, first_layer),
            cache=None,
            mask=mask,
            positions=positions,
            first_layer=first_layer,
        )
        prepared.append((batch, trie.paths))
    return prepared


def _groups(rows: Sequence[SuffixRow]) -> list[list[int]]:
    """Row numbers by suffix length: only suffix tokens cost time later, so padding them is waste.

    Lengths with too few tokens to fill a matrix product go together all the same.
    """
    groups: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(rows)), key=lambda r: (len(rows[r].suffix), r)):
        length = len(rows[row].suffix)
        if groups and (length == longest or len(groups[-1]) * longest < ENOUGH_TOKENS):
            groups[-1].append(row)
        else:
            groups.append([row])
        longest = length
    return groups


def _run_prefix_tries(
    model: EditableModel, rows: Sequence[SuffixRow], first_layer: int
) -> _TrieStates:
    """Every distinct prefix of a row once: prompts share their contexts, facts their relations."""
    whole = [row.prefix + row.suffix for row in rows]
    hidden, caches, paths = [], [], [[] for _ in rows]
    n_nodes, has_prefix = 0, any(row.prefix for row in rows)
    for part in tqdm(
        trie_batches(whole, trie_budget(model)), desc="common prefixes", mininterval=5
    ):
        trie = build_trie([whole[n] for n in part])
        prefixes: set[int] = set()
        for number, path in zip(part, trie.paths, strict=True):
            paths[number] = [n_nodes + node for node in path]
            prefixes.update(path[: len(rows[number].prefix)])
        # a trie without prefixes still gives tensors of the right shape, from its first node
        kept = sorted(prefixes or {0}) if has_prefix else []
        entering, cache = _run_part(model, trie, kept, first_layer)
        hidden.append(entering)
        caches.append(cache)
        n_nodes += len(trie.tokens)
    cache = tuple(
        tuple(torch.cat(parts, 1) for parts in zip(*layer, strict=True))
        for layer in zip(*caches, strict=True)
    )
    return _TrieStates(torch.cat(hidden), cache if has_prefix else None, paths)


def _run_part(model: EditableModel, trie: PrefixTrie, kept: list[int], first_layer: int):
    """One trie: all nodes below `first_layer`, the `kept` nodes (prefixes) above it.

    Returns the input of block `first_layer`, (n_nodes, d_model), and per block from
    there on keys and values, each (kv_heads, n_nodes, head_dim).
    """
    ids, mask, positions = inputs = trie_inputs(trie, model.network)
    hidden = _entering(model, inputs, first_layer)
    if not kept:
        return hidden[0], ()
    nodes = torch.tensor(kept, device=model.device)
    cache = _empty_cache()
    with entering_at(model, first_layer, hidden[:, nodes]):
        model.last_hidden(
            ids[:, nodes],
            mask_among(mask, nodes),
            position_ids=positions[:, nodes],
            past_key_values=cache,
            use_cache=True,
        )
    filled = []
    for layer in cache.layers[first_layer:]:
        pair = []
        for tensor in (layer.keys, layer.values):
            at_nodes = tensor.new_zeros(tensor.shape[1], len(trie.tokens), tensor.shape[3])
            at_nodes[:, nodes] = tensor[0]
            pair.append(at_nodes)
        filled.append(tuple(pair))
    return hidden[0], tuple(filled)


def _entering(
    model: EditableModel, inputs: tuple[torch.Tensor, ...], first_layer: int
) -> torch.Tensor:
    """Input of block `first_layer` at every node, (1, n_nodes, d_model); inputs: `trie_inputs`."""
    ids, mask, positions = inputs
    seen: list[torch.Tensor] = []
    first = model.blocks[first_layer]
    with inputs_seen(first, lambda h: seen.append(h.clone())), stopping_before(first):
        model.last_hidden(ids, mask, position_ids=positions, use_cache=False)
    return seen[0]


def _batch(
    rows: Sequence[SuffixRow], numbers: list[int], states: _TrieStates, first_layer: int
) -> SuffixBatch:
    device = states.hidden.device
    starts = torch.tensor([len(rows[n].prefix) for n in numbers], device=device)
    paths = [states.paths[n] for n in numbers]
    prefix_nodes, mask = pad(
        [p[: len(rows[n].prefix)] for p, n in zip(paths, numbers, strict=True)], device
    )
    suffix_nodes, suffix_mask = pad(
        [p[len(rows[n].prefix) :] for p, n in zip(paths, numbers, strict=True)], device
    )
    cache = None
    if states.cache is not None and prefix_nodes.shape[1]:
        cache = tuple(
            (k[:, prefix_nodes].transpose(0, 1), v[:, prefix_nodes].transpose(0, 1))
            for k, v in states.cache
        )
    return SuffixBatch(
        rows=torch.tensor(numbers, device=device),
        hidden=states.hidden[suffix_nodes],
        cache=cache,
        mask=torch.cat([mask, suffix_mask], 1),
        positions=starts[:, None] + torch.arange(suffix_nodes.shape[1], device=device),
        first_layer=first_layer,
    )


def run_suffixes(model: EditableModel, batch: SuffixBatch, hidden: torch.Tensor) -> torch.Tensor:
    """Final normed hidden states of the suffix positions, (n, n_suffix, d_model).

    hidden: the (changed) input of block `first_layer`. Differentiable in it.
    """
    ids = torch.zeros(hidden.shape[:2], dtype=torch.long, device=hidden.device)
    with entering_at(model, batch.first_layer, hidden):
        return model.last_hidden(
            ids,
            _mask_of(model, batch),
            position_ids=batch.positions,
            past_key_values=_cache_of(batch.cache, batch.first_layer) if batch.cache else None,
            use_cache=batch.cache is not None,
        )


def _mask_of(model: EditableModel, batch: SuffixBatch) -> Mask:
    """As the model's layers take it; what is padded between prefix and suffix has no position."""
    if isinstance(batch.mask, dict) or batch.mask.ndim == 4:
        return batch.mask
    n_prefix = batch.mask.shape[1] - batch.positions.shape[1]
    prefix = torch.arange(n_prefix, device=batch.mask.device).expand(len(batch.mask), -1)
    keys = torch.cat([prefix, batch.positions], 1)
    return row_mask(model.network, batch.mask, batch.positions, keys)


def _cache_of(
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...], first_layer: int
) -> "DynamicCache":
    """A fresh cache over the stored tensors; steps append to it without touching them.

    Skipped blocks get a thin stand-in: the length of the cache is read off its first layer.
    """
    keys = layers[0][0]
    thin = keys.new_zeros(1, 1, keys.shape[2], 1)
    cache = _empty_cache()
    for number in range(first_layer):
        cache.update(thin, thin, number)
    for number, (k, v) in enumerate(layers):
        cache.update(k, v, first_layer + number)
    return cache


def _empty_cache() -> "DynamicCache":
    from transformers import DynamicCache

    return DynamicCache()
