"""Target tokens under teacher forcing: how probable, and whether the model would say them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from memat.model.editable import EditableModel
from memat.model.prefix_trie import PrefixTrie
from memat.model.sentences import Sentence
from memat.model.vocabulary import read_next_tokens


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
    distinct, position = node.unique(return_inverse=True)
    on_device = (part.to(model.device) for part in (position, token))
    found = read_next_tokens(model, hidden[distinct.to(model.device)], *on_device)
    return TargetTokens(row, found.log_probability.cpu(), found.greedy.cpu()[position] == token)
