"""Which keys each position may see, in the form that a model's layers take.

Layers of some models see a window only: the last `sliding_window` positions, their own
included. The library counts them by place in the batch; where rows share prefixes or
have gaps, place and position differ, and the mask is made here, by position.
"""

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:  # loaded with the model (`memat.model.quick`)
    from transformers import PreTrainedModel

Mask = torch.Tensor | dict[str, torch.Tensor]
WHOLE, WINDOW = "full_attention", "sliding_attention"  # the library's names of both


def window_of(network: "PreTrainedModel") -> int | None:
    """How many positions the layers with a window see; None where no layer has one."""
    config = network.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    return window if kinds is None or WINDOW in kinds else None


def attention_mask(
    network: "PreTrainedModel", sees: torch.Tensor, queries: torch.Tensor, keys: torch.Tensor
) -> Mask:
    """Additive mask, (n_rows, 1, n_queries, n_keys), or one for each kind of layer, by its name.

    sees: bool, what a layer without a window sees, (n_rows, n_queries, n_keys). queries, keys:
    positions in their rows, (n_rows, n_queries) and (n_rows, n_keys).
    """
    window = window_of(network)
    whole = _additive(sees, network.dtype)
    if window is None:
        return whole
    near = sees & (keys[:, None, :] > queries[:, :, None] - window)
    # a padded query may see nothing, of which a softmax makes NaN: nobody reads what it sees
    windowed = _additive(near | ~near.any(-1, keepdim=True), network.dtype)
    if getattr(network.config.get_text_config(), "layer_types", None) is None:
        return windowed  # all layers have it
    return {WHOLE: whole, WINDOW: windowed}


def row_mask(
    network: "PreTrainedModel", real: torch.Tensor, queries: torch.Tensor, keys: torch.Tensor
) -> Mask:
    """The mask of ordinary rows whose keys may stand at another index than their position.

    real: (n_rows, n_keys), 0 where a key is padding; returned as it is to models without a
    window, which need no more. queries, keys: positions, as in `attention_mask`.
    """
    if window_of(network) is None:
        return real
    sees = real[:, None, :].bool() & (keys[:, None, :] <= queries[:, :, None])
    return attention_mask(network, sees, queries, keys)


def mask_among(mask: Mask, nodes: torch.Tensor) -> Mask:
    """The part of a mask, or of each, among some positions that are query and key."""
    if isinstance(mask, dict):
        return {kind: mask_among(one, nodes) for kind, one in mask.items()}
    return mask[:, :, nodes][..., nodes]


def _additive(sees: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
    return mask.masked_fill_(~sees, torch.finfo(dtype).min)[:, None]
