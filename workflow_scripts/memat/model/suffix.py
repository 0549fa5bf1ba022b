"""Running only what a step can change: the end of each row, through the upper blocks.

Positions before the first changed one keep their keys and values (the KV cache of
the prefix), and blocks below the first changed one keep their output. Both are
computed once, so a step of value or correction optimisation runs `suffix` tokens
through `blocks[first_layer:]`. Works with any causal model through
`past_key_values`, because prefixes are right-padded and positions are explicit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from transformers import DynamicCache

from memat.model.batching import length_batches, pad
from memat.model.editable import EditableModel, entering_at
from memat.model.hooks import inputs_seen, stopping_before


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
    positions, (n, n_suffix, d_model). cache: keys and values of the prefix for the
    blocks from `first_layer` on, each (n, kv_heads, n_prefix, head_dim), or None
    where no row has a prefix. mask: (n, n_prefix + n_suffix). positions: (n, n_suffix).
    """

    rows: torch.Tensor
    hidden: torch.Tensor
    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...] | None
    mask: torch.Tensor
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


@torch.no_grad()
def prepare_suffixes(
    model: EditableModel, rows: Sequence[SuffixRow], first_layer: int, token_budget: int
) -> list[SuffixBatch]:
    """Run every row once up to what changes; batches hold rows of like length.

    token_budget: padded tokens (prefix + suffix) a batch may have.
    """
    # rows with equal suffix lengths together first: only suffix tokens cost time later
    widest = max(len(row.prefix) for row in rows) + 1
    keys = [len(row.suffix) * widest + len(row.prefix) for row in rows]
    order = sorted(range(len(rows)), key=lambda r: (keys[r], r))
    by_length: dict[int, list[int]] = {}
    for row in order:
        by_length.setdefault(len(rows[row].suffix), []).append(row)
    batches = []
    for numbers in by_length.values():
        totals = [len(rows[n].prefix) + len(rows[n].suffix) for n in numbers]
        for batch in length_batches(totals, token_budget):
            batches.append(_prepare(model, rows, [numbers[i] for i in batch], first_layer))
    return batches


def _prepare(
    model: EditableModel, rows: Sequence[SuffixRow], numbers: list[int], first_layer: int
) -> SuffixBatch:
    prefixes = [rows[n].prefix for n in numbers]
    suffix_ids, suffix_mask = pad([rows[n].suffix for n in numbers], model.device)
    starts = torch.tensor([len(p) for p in prefixes], device=model.device)
    positions = starts[:, None] + torch.arange(suffix_ids.shape[1], device=model.device)
    cache, mask = None, suffix_mask
    if int(starts.max()) > 0:
        prefix_ids, prefix_mask = pad(prefixes, model.device)
        full = model.network.base_model(
            input_ids=prefix_ids, attention_mask=prefix_mask, use_cache=True
        ).past_key_values
        cache = tuple((layer.keys, layer.values) for layer in full.layers)
        mask = torch.cat([prefix_mask, suffix_mask], 1)
    hidden: list[torch.Tensor] = []
    first = model.blocks[first_layer]
    with inputs_seen(first, lambda h: hidden.append(h.clone())), stopping_before(first):
        model.last_hidden(
            suffix_ids,
            mask,
            position_ids=positions,
            past_key_values=_cache_of(cache, 0) if cache else None,
            use_cache=cache is not None,
        )
    upper = cache and cache[first_layer:]
    return SuffixBatch(
        torch.tensor(numbers, device=model.device), hidden[0], upper, mask, positions, first_layer
    )


def run_suffixes(model: EditableModel, batch: SuffixBatch, hidden: torch.Tensor) -> torch.Tensor:
    """Final normed hidden states of the suffix positions, (n, n_suffix, d_model).

    hidden: the (changed) input of block `first_layer`. Differentiable in it.
    """
    ids = torch.zeros(hidden.shape[:2], dtype=torch.long, device=hidden.device)
    with entering_at(model, batch.first_layer, hidden):
        return model.last_hidden(
            ids,
            batch.mask,
            position_ids=batch.positions,
            past_key_values=_cache_of(batch.cache, batch.first_layer) if batch.cache else None,
            use_cache=batch.cache is not None,
        )


def _cache_of(
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...], first_layer: int
) -> DynamicCache:
    """A fresh cache over the stored tensors; steps append to it without touching them.

    Skipped blocks get a thin stand-in, because the length of the cache is read off
    its first layer.
    """
    keys = layers[0][0]
    thin = keys.new_zeros(1, 1, keys.shape[2], 1)
    cache = DynamicCache()
    for number in range(first_layer):
        cache.update(thin, thin, number)
    for number, (k, v) in enumerate(layers):
        cache.update(k, v, first_layer + number)
    return cache
