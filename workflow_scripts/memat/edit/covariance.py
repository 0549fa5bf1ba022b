"""Second moments of the keys: C = mean of k kᵀ over text tokens, uncentred (eq. 5's old facts)."""

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from tqdm import tqdm

from memat.errors import NonFiniteValue, NotEnoughFacts
from memat.model.batching import halve_rows, length_batches, pad, run_halving
from memat.model.editable import EditableModel
from memat.model.hooks import inputs_seen, stopping_after


@torch.no_grad()
def estimate_covariance(
    model: EditableModel,
    texts: Sequence[str],
    layers: Sequence[int],
    tokens: int,
    max_length: int,
    token_budget: int,
) -> tuple[dict[int, torch.Tensor], int]:
    """C of every edit layer, {layer: (d_ff, d_ff) float32}, and the number of tokens read.

    All layers in one pass that ends after the last of them; sums in float64.
    Raises NotEnoughFacts (no token), NonFiniteValue(layer).
    """
    rows = _token_rows(model, texts, tokens, max_length)
    sums: dict[int, torch.Tensor] = {}

    def add(batch: list[int]) -> None:
        # products of one batch in the model's precision, their sum over batches in float64
        for layer, product in _products(model, [rows[i] for i in batch], layers).items():
            sums[layer] = sums[layer] + product.double() if layer in sums else product.double()

    batches = length_batches([len(row) for row in rows], token_budget)
    for batch in tqdm(batches, desc="covariance", mininterval=5):
        run_halving(batch, add, halve_rows)
    count = sum(len(row) for row in rows)
    for layer, total in sums.items():
        if not bool(total.isfinite().all()):
            raise NonFiniteValue(
                f"covariance of layer {layer} is not finite: check the model's weights"
            )
    return {layer: (total / count).float().cpu() for layer, total in sums.items()}, count


def _products(model, rows: list[list[int]], layers: Sequence[int]) -> dict[int, torch.Tensor]:
    """Σ k kᵀ over the tokens of some rows, {layer: (d_ff, d_ff)}, in the model's precision."""
    ids, mask = pad(rows, model.device)
    found: dict[int, torch.Tensor] = {}

    def keeper(layer: int):
        def keep(keys: torch.Tensor) -> None:
            # OPT flattens rows and positions before its projection, the others do not
            flat = keys.reshape(*mask.shape, -1)[mask.bool()]
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
