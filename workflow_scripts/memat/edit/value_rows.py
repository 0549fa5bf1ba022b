"""The rows whose losses make a value, in batches, with the positions that are read.

A request is one fact in one language; requests are numbered language · n_facts + fact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from memat.edit.requests import edit_position
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest, request_sentence, subject_prompt_sentence
from memat.model.suffix import SuffixBatch, SuffixRow, prepare_suffixes


@dataclass(frozen=True)
class ValueRow:
    """One row, split at the subject's last token.

    targets: wanted tokens, none for a KL row; the first is predicted at suffix position
    `first_target`. weight: of each of its terms in the loss of the fact. plain: whether the
    row gives the request's initial output.
    """

    tokens: SuffixRow
    request: int
    fact: int
    targets: tuple[int, ...]
    first_target: int
    weight: float
    plain: bool


@dataclass(frozen=True)
class ValueBatch:
    """A batch of rows and the read positions, whose next-token distributions enter a loss.

    request, fact, plain: of each row, (n_rows,). row, position: of each read position, (n_reads,).
    token: wanted next token, or -1 where the KL term reads, (n_reads,). weight: (n_reads,).
    """

    suffixes: SuffixBatch
    request: torch.Tensor
    fact: torch.Tensor
    plain: torch.Tensor
    row: torch.Tensor
    position: torch.Tensor
    token: torch.Tensor
    weight: torch.Tensor

    def keep(self, stays: torch.Tensor) -> "ValueBatch":
        """The rows where `stays`, (n_rows,) bool, and their read positions."""
        wanted = stays[self.row]
        renumber = stays.cumsum(0) - 1
        return ValueBatch(
            self.suffixes.keep(stays),
            self.request[stays],
            self.fact[stays],
            self.plain[stays],
            renumber[self.row[wanted]],
            self.position[wanted],
            self.token[wanted],
            self.weight[wanted],
        )

    def halves(self) -> "tuple[ValueBatch, ValueBatch] | None":
        """Both halves of the batch; None if it holds one row."""
        number = torch.arange(len(self.fact), device=self.fact.device)
        first = number < len(number) // 2
        return (self.keep(first), self.keep(~first)) if len(number) > 1 else None


def without_finished(batches: Sequence[ValueBatch], active: torch.Tensor) -> list[ValueBatch]:
    """Facts that are not `active`, (n_facts,) bool, leave; empty batches leave altogether."""
    staying = [active[batch.fact] for batch in batches]
    return [
        batch if bool(stays.all()) else batch.keep(stays)
        for batch, stays in zip(batches, staying, strict=True)
        if bool(stays.any())
    ]


def fact_rows(
    model: EditableModel,
    requests_by_language: Sequence[Sequence[EditRequest]],
    contexts_by_language: Sequence[Sequence[str]],
    kl_prompts: Sequence[str],
) -> list[ValueRow]:
    """The rows of all languages: NLL is averaged over all templates and a target's tokens, KL over
    languages."""
    rows: list[ValueRow] = []
    n_contexts = sum(map(len, contexts_by_language))
    languages = zip(requests_by_language, contexts_by_language, kl_prompts, strict=True)
    for language, (requests, contexts, kl_prompt) in enumerate(languages):
        for fact, request in enumerate(requests):
            number = language * len(requests) + fact
            for template, context in enumerate(contexts):
                sentence = request_sentence(model.tokenizer, request, context)
                start, targets = edit_position(sentence), sentence.target_ids
                rows.append(
                    ValueRow(
                        tokens=SuffixRow.split(sentence.ids[:-1], start),
                        request=number,
                        fact=fact,
                        targets=targets,
                        first_target=sentence.target_start - 1 - start,
                        weight=1.0 / (n_contexts * len(targets)),
                        plain=template == 0,
                    )
                )
            kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
            start = edit_position(kl)
            tokens = SuffixRow.split(kl.ids[: start + 1], start)
            rows.append(ValueRow(tokens, number, fact, (), 0, 1.0 / len(kl_prompts), False))
    return rows


def _batch(suffixes: SuffixBatch, rows: Sequence[ValueRow]) -> ValueBatch:
    reads = []
    for number, row in enumerate(rows):
        for i, token in enumerate(row.targets or (-1,)):
            reads.append((number, row.first_target + i, token, row.weight))
    row, position, token, weight = zip(*reads, strict=True)
    device, dtype = suffixes.hidden.device, suffixes.hidden.dtype
    of_rows = zip(*((r.request, r.fact, r.plain) for r in rows), strict=True)
    return ValueBatch(
        suffixes,
        *(torch.tensor(column, device=device) for column in (*of_rows, row, position, token)),
        torch.tensor(weight, device=device, dtype=torch.promote_types(dtype, torch.float32)),
    )


def row_batches(
    model: EditableModel, rows: Sequence[ValueRow], first_layer: int, token_budget: int
) -> list[ValueBatch]:
    """The rows, run once up to what a δ changes."""
    batches = prepare_suffixes(model, [row.tokens for row in rows], first_layer, token_budget)
    return [_batch(batch, [rows[n] for n in batch.rows.tolist()]) for batch in batches]
