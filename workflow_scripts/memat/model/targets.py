"""Target tokens under teacher forcing: how probable, and whether the model would say them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from memat.model.editable import EditableModel
from memat.model.sentences import Sentence
from memat.model.trees import TokenTree


@dataclass(frozen=True)
class TargetTokens:
    """The target tokens of a tree's rows, one after the other, on the processor, (n_tokens,).

    row: whose token. log_probability: under teacher forcing, float32 or better.
    hit: bool, whether the token is the argmax.
    """

    row: torch.Tensor
    log_probability: torch.Tensor
    hit: torch.Tensor


def read_targets(
    model: EditableModel, tree: TokenTree, hidden: torch.Tensor, sentences: Sequence[Sentence]
) -> TargetTokens:
    """The output head at the nodes that come before a target token, each node once.

    hidden: of `run_tree`. sentences: those of the tree's rows; a row may end before the last
    target token, which predicts nothing.
    """
    spots = [
        (row, path[sentence.target_start - 1 + place], token)
        for row, (path, sentence) in enumerate(zip(tree.paths, sentences, strict=True))
        for place, token in enumerate(sentence.target_ids)
    ]
    row, node, token = torch.tensor(spots).T
    read, place = node.unique(return_inverse=True)
    log_probabilities = model.log_probabilities(hidden[read.to(model.device)])
    best = log_probabilities.argmax(-1).cpu()
    wanted = log_probabilities[place.to(model.device), token.to(model.device)]
    return TargetTokens(row, wanted.cpu(), best[place] == token)
