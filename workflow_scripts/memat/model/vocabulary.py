"""The output head where one number of a distribution is wanted: a slice of the vocabulary at a time.

All logits of a vocabulary of 262,144 words are a MiB a position, which is written to memory and
read back several times; a slice of them stays in the processor's cache.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from memat.model.editable import EditableModel
from memat.model.prefix_trie import PrefixTrie
from memat.model.sentences import Sentence

WORDS_TOGETHER = 8192
POSITIONS_TOGETHER = 256


@dataclass(frozen=True)
class NextTokens:
    """log_probability: of the wanted tokens, (n_wanted,); greedy: the argmax, (n_positions,)."""

    log_probability: torch.Tensor
    greedy: torch.Tensor


@torch.no_grad()
def read_next_tokens(
    model: EditableModel, hidden: torch.Tensor, position: torch.Tensor, token: torch.Tensor
) -> NextTokens:
    """What the model says next at some positions, in float32 or better; all on its device.

    Where a logit is NaN the log-probability is, and the greedy token means nothing.

    hidden: final normed states, (n_positions, d_model). position, token: the wanted tokens and the
    rows of `hidden` they are wanted after, (n_wanted,).
    """
    accurate = torch.promote_types(hidden.dtype, torch.float32)
    wanted = torch.empty(len(token), dtype=accurate, device=hidden.device)
    greedy = torch.empty(len(hidden), dtype=torch.long, device=hidden.device)
    for first in range(0, len(hidden), POSITIONS_TOGETHER):
        part = slice(first, first + POSITIONS_TOGETHER)
        here = (position >= part.start) & (position < part.stop)
        found = _read_part(model, hidden[part], position[here] - first, token[here])
        wanted[here], greedy[part] = found.log_probability, found.greedy
    return NextTokens(wanted, greedy)


def greedy_tokens(model: EditableModel, hidden: torch.Tensor) -> torch.Tensor:
    """The likeliest next token at each position, (n_positions,)."""
    none = torch.empty(0, dtype=torch.long, device=hidden.device)
    return read_next_tokens(model, hidden, none, none).greedy


def _read_part(
    model: EditableModel, hidden: torch.Tensor, position: torch.Tensor, token: torch.Tensor
) -> NextTokens:
    """Largest logit so far, its word, and the sum of e^(logit − largest), slice by slice."""
    accurate = torch.promote_types(hidden.dtype, torch.float32)
    largest = hidden.new_full((len(hidden),), -torch.inf, dtype=accurate)
    total = torch.zeros_like(largest)
    greedy = torch.zeros_like(largest, dtype=torch.long)
    wanted = hidden.new_empty(len(token), dtype=accurate)
    for first in range(0, model.vocabulary_size, WORDS_TOGETHER):
        logits = model.logits(hidden, slice(first, first + WORDS_TOGETHER))
        here = (token >= first) & (token < first + WORDS_TOGETHER)
        wanted[here] = logits[position[here], token[here] - first]
        top, word = logits.max(-1)
        greedy = torch.where(top > largest, first + word, greedy)
        before, largest = largest, torch.maximum(largest, top)
        if len(token):  # of greedy tokens alone no sum is needed
            total = total * (before - largest).exp() + (logits - largest[:, None]).exp_().sum(-1)
    return NextTokens(wanted - (largest + total.log())[position], greedy)


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
