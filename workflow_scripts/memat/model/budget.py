"""How many tokens a batch may have: by the memory of a job, and by what is fast."""

from typing import TYPE_CHECKING

import torch

from memat.model.editable import EditableModel

if TYPE_CHECKING:  # loaded with the model (`memat.model.quick`)
    from transformers import PreTrainedModel

# on a processor larger batches leave the caches: 1.5 times slower at 4,096 tokens
CPU_TOKENS = 1024
# a prefix trie attends to itself with a full mask, whose cost grows with the square of its nodes;
# each thread takes its share of them
CPU_NODES_PER_THREAD = 256
NODES = 2048  # at most
SHARE = 0.5  # the other half is for what a batch does not scale: weights in use, results, libraries
LEAST = 64


def token_budget(model: EditableModel, memory_mb: int, gradients: bool) -> int:
    """Tokens per batch that fit `memory_mb` beside the weights; at least 64.

    Counts, per token, what a block keeps (about 12 vectors of d_model and 4 of d_ff;
    of all blocks where gradients are needed, else of two) and the logits of one position.
    """
    size = model.network.dtype.itemsize
    d_ff = model.mlp_matrix(0).shape[1]
    per_block = (12 * model.d_model + 4 * d_ff) * size
    # logits are float32: the row itself and its softmax, with gradients those of both as well
    logits = model.vocabulary_size * 4 * (4 if gradients else 2)
    per_token = per_block * (model.n_layers if gradients else 2) + logits
    weights = sum(p.numel() * p.element_size() for p in model.network.parameters())
    free = max(memory_mb * 1e6 - weights, memory_mb * 1e6 * 0.25) * SHARE
    tokens = max(LEAST, int(free / per_token))
    return min(tokens, CPU_TOKENS) if model.device.type == "cpu" else tokens


def trie_budget(model: "EditableModel | PreTrainedModel") -> int:
    """Nodes of one `memat.model.prefix_trie.PrefixTrie`, by the model's device and the threads."""
    if model.device.type == "cpu":
        return min(CPU_NODES_PER_THREAD * torch.get_num_threads(), NODES)
    return NODES
