"""Second moments of the keys: C = mean of k kᵀ over text tokens, uncentred (eq. 5's old facts).

The text may be cut in shards. What rounding takes from their sums is kept beside them, so that
adding them up in another order gives the same float32 numbers.
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


@dataclass
class ExactSum:
    """A sum of matrices: `total`, float64, and `rest`, what rounding took from it, float32.

    Knuth's two-sum. total + rest has some 77 bits, so the order of the terms does not show in
    its float32 value.
    """

    total: torch.Tensor
    rest: torch.Tensor

    @classmethod
    def zeros(cls, *shape: int, device: torch.device | str = "cpu") -> "ExactSum":
        return cls(
            torch.zeros(*shape, dtype=torch.float64, device=device),
            torch.zeros(*shape, dtype=torch.float32, device=device),
        )

    def add(self, term: torch.Tensor) -> None:
        """Add a float64 matrix."""
        total = self.total + term
        added = total - self.total
        self.rest += ((self.total - (total - added)) + (term - added)).float()
        self.total = total


@dataclass(frozen=True)
class KeyMoments:
    """Σ k kᵀ over `tokens` tokens, {layer: (d_ff, d_ff)}."""

    sums: Mapping[int, ExactSum]
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
    sums = {
        layer: ExactSum.zeros(*[model.mlp_matrix(layer).shape[1]] * 2, device=model.device)
        for layer in layers
    }
    of_group = {layer: torch.zeros_like(sums[layer].total) for layer in layers}

    def add(batch: list[list[int]]) -> None:
        # products of one batch in float32 or better, their sum over a group in float64
        for layer, product in _products(model, batch, layers).items():
            of_group[layer] += product  # in place: a batch never runs out of memory half added

    with tqdm(total=sum(map(len, own)), desc="covariance", unit="row", mininterval=5) as progress:
        for group in own:
            for batch in length_batches([len(row) for row in group], token_budget):
                run_halving([group[i] for i in batch], add, halve_rows)
                progress.update(len(batch))
            for layer in layers:
                sums[layer].add(of_group[layer])
                of_group[layer].zero_()
    for layer, found in sums.items():
        if not bool(found.total.isfinite().all()):
            raise NonFiniteValue(
                f"covariance of layer {layer} is not finite: check the model's weights"
            )
    return KeyMoments(sums, sum(len(row) for group in own for row in group))


def mean_moments(parts: Sequence[KeyMoments]) -> tuple[dict[int, torch.Tensor], int]:
    """C of every edit layer from all shards, {layer: (d_ff, d_ff) float32}, and the tokens read."""
    tokens = sum(part.tokens for part in parts)
    means = {}
    for layer in parts[0].sums:
        whole = ExactSum.zeros(*parts[0].sums[layer].total.shape)
        for part in parts:
            found = part.sums[layer]
            whole.add(found.total.cpu())
            whole.rest += found.rest.cpu()
        means[layer] = ((whole.total + whole.rest.double()) / tokens).float()
    return means, tokens


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
