"""Second moments of the keys: C = mean of k kᵀ over text tokens, uncentred (eq. 5's old facts).

The text may be cut in shards. Their sums are float64 and C is float32, so that the order in which
they are added shows in hardly any entry, and there in the last bit.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from tqdm import tqdm

from memat.errors import NonFiniteValue, NotEnoughFacts
from memat.model.batching import halve_rows, length_batches, pad, run_halving
from memat.model.editable import EditableModel
from memat.model.hooks import inputs_seen, stopping_after
from memat.shards import share


@dataclass(frozen=True)
class KeyMoments:
    """Σ k kᵀ over `tokens` tokens, {layer: (d_ff, d_ff) float64}."""

    sums: Mapping[int, torch.Tensor]
    tokens: int


@torch.no_grad()
def key_moments(
    model: EditableModel,
    texts: Sequence[str],
    layers: Sequence[int],
    tokens: int,
    max_length: int,
    token_budget: int,
    rows_together: int = 128,
    shard: int = 0,
    shards: int = 1,
) -> KeyMoments:
    """Second moments over one of `shards` parts of the text's first `tokens` tokens.

    All layers in one pass that ends after the last of them. Batches hold pieces of at most
    `max_length` tokens and never cross groups of `rows_together` pieces; a shard is whole groups.
    Raises NotEnoughFacts (no token), NonFiniteValue(layer).
    """
    longest = model.within_positions(max_length, "covariance.sequence_length")
    rows = _token_rows(model, texts, tokens, longest)
    groups = [rows[start : start + rows_together] for start in range(0, len(rows), rows_together)]
    own = share(groups, shard, shards)
    sums = {}
    for layer in layers:
        d_ff = model.mlp_matrix(layer).shape[1]
        sums[layer] = torch.zeros(d_ff, d_ff, dtype=torch.float64, device=model.device)

    def add(batch: list[list[int]]) -> None:
        # products of one batch in float32 or better, their sum in float64
        for layer, product in _products(model, batch, layers).items():
            sums[layer] += product  # in place: a batch never runs out of memory half added

    with tqdm(total=sum(map(len, own)), desc="covariance", unit="row", mininterval=5) as progress:
        for group in own:
            for batch in length_batches([len(row) for row in group], token_budget):
                run_halving([group[i] for i in batch], add, halve_rows)
                progress.update(len(batch))
    for layer, found in sums.items():
        if not bool(found.isfinite().all()):
            raise NonFiniteValue(
                f"covariance of layer {layer} is not finite: check the model's weights"
            )
    return KeyMoments(sums, sum(len(row) for group in own for row in group))


def mean_moments(parts: Sequence[KeyMoments]) -> tuple[dict[int, torch.Tensor], int]:
    """C of every edit layer from all shards, {layer: (d_ff, d_ff) float32}, and the tokens read."""
    tokens = sum(part.tokens for part in parts)
    layers = parts[0].sums
    return {n: (sum(part.sums[n].cpu() for part in parts) / tokens).float() for n in layers}, tokens


def _products(model, rows: list[list[int]], layers: Sequence[int]) -> dict[int, torch.Tensor]:
    """Σ k kᵀ over the tokens of some rows, {layer: (d_ff, d_ff)}, float32 or better."""
    ids, mask = pad(rows, model.device)
    precise = torch.promote_types(model.dtype, torch.float32)
    found: dict[int, torch.Tensor] = {}

    def keeper(layer: int):
        def keep(keys: torch.Tensor) -> None:
            # OPT flattens rows and positions before its projection, the others do not
            flat = keys.reshape(*mask.shape, -1)[mask.bool()].to(precise)
            found[layer] = flat.T @ flat

        return keep

    with ExitStack() as hooks:
        for layer in layers:
            hooks.enter_context(inputs_seen(model.mlp_output(layer), keeper(layer)))
        hooks.enter_context(stopping_after(model.blocks[max(layers)]))
        model.last_hidden(ids, mask)
    return found


def _token_rows(model, texts, tokens: int, max_length: int) -> list[list[int]]:
    rows, count = [], 0
    for text in texts:
        ids = model.tokenizer(text)["input_ids"]
        for start in range(0, len(ids), max_length):
            row = ids[start : start + max_length][: tokens - count]
            if row:
                rows.append(row)
                count += len(row)
        if count >= tokens:
            break
    if not rows:
        raise NotEnoughFacts("covariance: the text holds no token")
    return rows
