"""Which neighbour prompts ask about something that another fact of the same set edits.

A neighbour is a subject that must stay as it is. Where its subject is edited with the
same relation, the edit changes it on purpose, and it is no neighbour.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl

from memat.text.rejections import Rejection, rejected_table

STAGE, PROMPT_TYPE, REASON = "assign_blocks", "neighborhood", "neighbour_is_edited"
TOKEN = re.compile(r"\w+|[^\w\s]")
Key = tuple[str, str]


def normalised(text: str) -> str:
    """A name or prompt without what writing it differently changes: case, blanks, width."""
    return " ".join(TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()))


@dataclass(frozen=True)
class EditedFacts:
    """What the facts of one set edit: (relation, normalised subject or prompt) → case id."""

    by_subject: dict[Key, int] = field(default_factory=dict)
    by_prompt: dict[Key, int] = field(default_factory=dict)

    def add(self, case_id: int, relation: str, subject: str, prompt: str) -> None:
        """One fact; `prompt` is its rewrite prompt with the subject filled in."""
        self.by_subject.setdefault((relation, normalised(subject)), case_id)
        self.by_prompt.setdefault((relation, normalised(prompt)), case_id)

    def editing(self, relation: str, prompt: str, subject: str | None) -> int | None:
        """Case id of the fact that edits what a neighbour prompt asks; None for a neighbour.

        subject: as `memat.text.sentences.SubjectFinder` told it. Where none could be told,
        the prompt is searched for the edited subjects, as whole words.
        """
        asked = normalised(prompt)
        if (case_id := self.by_prompt.get((relation, asked))) is not None:
            return case_id
        if subject is not None:
            return self.by_subject.get((relation, normalised(subject)))
        found = (self.by_subject.get((relation, words)) for words in _runs(asked.split()))
        return next((case_id for case_id in found if case_id is not None), None)


def _runs(words: list[str]) -> Iterator[str]:
    """Every run of neighbouring words, the longest first."""
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def edited_neighbours(bilingual: pl.DataFrame, blocks: pl.DataFrame, source: str) -> pl.DataFrame:
    """Rejected rows: the neighbour prompts that another fact of their set edits.

    bilingual: `memat.text.gender.BILINGUAL_SCHEMA`. blocks: case_id, block. source: the
    language of the facts. A row stands for the prompt with both targets in all languages.
    """
    rows = bilingual.filter(pl.col("language") == source).join(blocks, on="case_id")
    edited: dict[str, EditedFacts] = {}
    wanted = ("block", "case_id", "relation_id", "subject", "prompt")
    rewrites = rows.filter(prompt_type="rewrite", role="target_new").select(wanted)
    for block, *fact in rewrites.iter_rows():
        edited.setdefault(block, EditedFacts()).add(*fact)
    return rejected_table(_rejections(neighbour_prompts(rows), edited))


def neighbour_prompts(rows: pl.DataFrame) -> pl.DataFrame:
    """The neighbour prompts among rows of one language, each once, in order."""
    neighbours = rows.filter(prompt_type=PROMPT_TYPE)
    return neighbours.unique(["case_id", "index"], keep="first", maintain_order=True)


def _rejections(neighbours: pl.DataFrame, edited: dict[str, EditedFacts]) -> Iterable[Rejection]:
    for row in neighbours.iter_rows(named=True):
        facts = edited[row["block"]]
        case_id = facts.editing(row["relation_id"], row["prompt"], row["subject"])
        if case_id is not None:
            detail = f"edited by case {case_id}: {row['prompt']}"
            yield Rejection(row["case_id"], STAGE, PROMPT_TYPE, REASON, row["index"], detail=detail)
