"""What a model says of the facts of an edit, with the edit and without it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from memat.edit.step import LanguageRequests
from memat.evaluate.answers import greedy_answers
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.model.budget import CPU_TOKENS, trie_budget
from memat.model.editable import EditableModel

MOST_TOKENS = 16  # of an answer
HEADER = ("language", "prompt", "wanted", "P before", "P after", "says before", "says after")


def saying(model: EditableModel, asked: Sequence[LanguageRequests]) -> list[tuple[float, str]]:
    """What the model as it stands says after every prompt, language by language: P of the wanted
    target, exp(-mean NLL of its tokens), and the greedy continuation."""
    requests = [request for part in asked for request in part.requests]
    rows = [PromptTarget(r.prompt, r.target, r.joined) for r in requests]
    scores = score_prompts(model, rows, trie_budget(model))
    probabilities = torch.exp(-scores.nll / scores.n_tokens).tolist()
    answers = greedy_answers(model, [row.prompt for row in rows], CPU_TOKENS, MOST_TOKENS)
    return list(zip(probabilities, answers, strict=True))


@dataclass(frozen=True)
class EditReport:
    """One row for each fact and language. Printed it is a table; a notebook shows it as HTML."""

    rows: tuple[dict, ...]

    @classmethod
    def of(
        cls,
        asked: Sequence[LanguageRequests],
        before: Sequence[tuple[float, str]],
        after: Sequence[tuple[float, str]],
    ) -> "EditReport":
        """The rows of what was asked, from what a model is `saying` without and with the edit."""
        prompts = [
            (part.language.code, r.prompt, r.target) for part in asked for r in part.requests
        ]
        rows = [
            (*prompt, p_before, p_after, says_before, says_after)
            for prompt, (p_before, says_before), (p_after, says_after) in zip(
                prompts, before, after, strict=True
            )
        ]
        return cls(tuple(dict(zip(HEADER, row, strict=True)) for row in rows))

    def __str__(self) -> str:
        lines = [HEADER, *(_cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from memat.html_page import escaped, table

        cells = [[escaped(cell) for cell in _cells(row)] for row in self.rows]
        return table(HEADER, cells, numbers=(3, 4))


def _cells(row: dict) -> list[str]:
    return [f"{value:.4f}" if isinstance(value, float) else value for value in row.values()]
