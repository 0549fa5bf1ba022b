"""Target tokens under teacher forcing: how probable, and whether the model would say them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from memat.model.editable import EditableModel
from memat.model.prefix_trie import PrefixTrie
from memat.model.sentences import Sentence

# a vocabulary of 262,144 words makes the logits the largest tensors: 256 MiB in float32
LOGITS_TOGETHER = 2**26


@dataclass(frozen=True)
class TargetTokens:
    """The target tokens of a trie's rows, one after the other, on the processor, (n_tokens,).

    row: whose token. log_probability: under teacher forcing, float32 or better.
    is_greedy: bool, whether the token is the argmax.
    """

    row: torch.Tensor
    log_probability: torch.Tensor
    is_greedy: torch.Tensor


def read_targets(
    model: EditableModel, trie: PrefixTrie, hidden: torch.Tensor, sentences: Sequence[Sentence]
) -> TargetTokens:
    """The output head at the nodes that come before a target token, each node once.

    hidden: of `run_trie`. sentences: those of the trie's rows; a row may end before the last
    target token, which predicts nothing.
    """
    reads = [
        (row, path[sentence.target_start - 1 + i], token)
        for row, (path, sentence) in enumerate(zip(trie.paths, sentences, strict=True))
        for i, token in enumerate(sentence.target_ids)
    ]
    row, node, token = torch.tensor(reads).T
    distinct, number = node.unique(return_inverse=True)
    vocabulary = model.network.get_output_embeddings().weight.shape[0]
    wanted = torch.empty(len(node), dtype=torch.promote_types(hidden.dtype, torch.float32))
    is_greedy = torch.empty(len(node), dtype=torch.bool)
    size = max(1, LOGITS_TOGETHER // vocabulary)
    for first, nodes in zip(range(0, len(distinct), size), distinct.split(size), strict=True):
        log_probabilities = model.log_probabilities(hidden[nodes.to(model.device)])
        here = (number >= first) & (number < first + len(nodes))
        at, tokens = number[here] - first, token[here]
        found = log_probabilities[at.to(model.device), tokens.to(model.device)]
        wanted[here] = found.cpu()
        is_greedy[here] = log_probabilities.argmax(-1).cpu()[at] == tokens
    return TargetTokens(row, wanted, is_greedy)
