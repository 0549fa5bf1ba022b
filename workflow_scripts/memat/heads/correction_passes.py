"""The forward passes of the correction optimisation: which sentences run, and where they are read.

Under `position: last` ω acts at the last token of the prompt and the following target positions,
so everything before that token and below the first corrected layer is computed once. Under
`position: all` it acts everywhere, as deployed, and rows run as prefix tries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from memat.model.batching import halve_rows, run_halving
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest, request_sentence, subject_prompt_sentence
from memat.model.suffix import SuffixBatch, SuffixRow, prepare_suffixes, prepare_tries


@dataclass(frozen=True)
class Pass:
    """One forward pass of the optimisation and the read positions of its losses.

    sentences: numbers of those it runs. row, position: read positions in the layout of `batch`,
    (n_reads,). fact: whose loss, (n_reads,). token: wanted next token, or -1 at the end of a KL
    prompt. plain: bool, whether it is the end of the fact's plain prompt, which gives head₋₁.
    """

    sentences: list[int]
    batch: SuffixBatch
    row: torch.Tensor
    position: torch.Tensor
    fact: torch.Tensor
    token: torch.Tensor
    plain: torch.Tensor


@dataclass(frozen=True)
class Sentences:
    """What the facts of one update read: prompts with target under every context, KL prompts.

    ids: token ids of each. starts: where ω begins to act under `position: last`. reads: of each
    sentence, its read positions (position, fact, token, plain) as in `Pass`.
    """

    ids: list[tuple[int, ...]]
    starts: list[int]
    reads: list[list[tuple[int, int, int, bool]]]


def read_sentences(
    model: EditableModel, requests: Sequence[EditRequest], contexts: Sequence[str], kl_prompt: str
) -> Sentences:
    """Tokens and read positions of the facts of one update. Raises FactError (a prompt's ends)."""
    found = Sentences([], [], [])

    def add(ids, start: int, reads) -> None:
        found.ids.append(ids)
        found.starts.append(start)
        found.reads.append(reads)

    for fact, request in enumerate(requests):
        for number, context in enumerate(contexts):
            sentence = request_sentence(model.tokenizer, request, context)
            end = sentence.target_start - 1
            reads = [
                (end + i, fact, token, number == 0 and i == 0)
                for i, token in enumerate(sentence.target_ids)
            ]
            add(sentence.ids[:-1], end, reads)
        kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
        last = len(kl.ids) - 1
        add(kl.ids, last, [(last, fact, -1, False)])
    return found


def lay_out_passes(
    model: EditableModel,
    sentences: Sentences,
    numbers: list[int],
    first_layer: int,
    position: str,
    token_budget: int,
) -> list[Pass]:
    """The sentences of these numbers, laid out for ω at the `last` position or at `all`.

    first_layer: the lowest with a corrected head. token_budget: padded suffix tokens of a pass,
    under `last`. Raises FactError (a sentence that is too long).
    """
    rows = [sentences.ids[number] for number in numbers]
    if position == "all":
        laid_out = _as_tries(model, rows, first_layer)
    else:
        starts = [sentences.starts[number] for number in numbers]
        laid_out = _as_suffixes(model, rows, starts, first_layer, token_budget)
    passes = []
    for batch, positions in laid_out:
        found = [
            (*positions[row][read], *rest)
            for row in positions
            for read, *rest in sentences.reads[numbers[row]]
        ]
        columns = (torch.tensor(c, device=model.device) for c in zip(*found, strict=True))
        passes.append(Pass([numbers[row] for row in positions], batch, *columns))
    return passes


def run_passes(
    lay_out: Callable[[list[int]], list[Pass]],
    passes: list[Pass],
    work: Callable[[Pass], None],
) -> None:
    """Do `work` on every pass; where memory runs out, on passes of half the sentences from now on."""

    def halves(step: Pass) -> tuple[Pass, ...] | None:
        parts = halve_rows(step.sentences)
        return parts and tuple(smaller for part in parts for smaller in lay_out(part))

    passes[:] = [part for step in passes for part in run_halving(step, work, halves)]


Positions = dict[int, dict[int, tuple[int, int]]]


def _as_tries(model, rows, first_layer: int) -> list[tuple[SuffixBatch, Positions]]:
    """ω acts everywhere: every distinct prefix of a row is run once in each step."""
    return [
        (
            batch,
            {
                row: {position: (0, node) for position, node in enumerate(path)}
                for row, path in zip(batch.rows.tolist(), paths, strict=True)
            },
        )
        for batch, paths in prepare_tries(model, rows, first_layer)
    ]


def _as_suffixes(
    model, rows, starts, first_layer: int, token_budget: int
) -> list[tuple[SuffixBatch, Positions]]:
    """ω acts from `start` on: what comes before is computed once."""
    split = [SuffixRow.split(row, start) for row, start in zip(rows, starts, strict=True)]
    return [
        (
            batch,
            {
                row: {p: (number, p - starts[row]) for p in range(starts[row], len(rows[row]))}
                for number, row in enumerate(batch.rows.tolist())
            },
        )
        for batch in prepare_suffixes(model, split, first_layer, token_budget)
    ]
