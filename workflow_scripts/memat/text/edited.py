"""Which neighbour prompts ask about something that another fact of the same set edits.

A neighbour is a subject that must stay as it is. Where its subject is edited with the
same relation, the edit changes it on purpose, and it is no neighbour.
"""

import re
import unicodedata
from collections.abc import Iterator
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
    """What the facts of one set edit: (relation, normalised subject or prompt) → case id.

    wordings: (relation, normalised prompt without its subject) of the facts.
    """

    by_subject: dict[Key, int] = field(default_factory=dict)
    by_prompt: dict[Key, int] = field(default_factory=dict)
    wordings: set[Key] = field(default_factory=set)

    def add(self, case_id: int, relation: str, subject: str, prompt: str) -> None:
        """One fact; `prompt` is its rewrite prompt with the subject filled in."""
        self.by_subject.setdefault((relation, normalised(subject)), case_id)
        self.by_prompt.setdefault((relation, normalised(prompt)), case_id)
        self.wordings.add((relation, _wording(prompt, subject)))

    def editing(
        self, relation: str, prompt: str, subject: str | None, own_answer: bool = False
    ) -> int | None:
        """Case id of the fact that edits what a neighbour prompt asks; None for a neighbour.

        subject: as `memat.text.sentences.SubjectFinder` told it. Where none could be told,
        the prompt is searched for the edited subjects, as whole words. own_answer: the prompt
        has an answer of its own, so it asks for the relation only if it is worded as a fact's
        rewrite prompt.
        """
        asked = normalised(prompt)
        if (case_id := self.by_prompt.get((relation, asked))) is not None:
            return case_id
        if own_answer and (relation, _wording(prompt, subject)) not in self.wordings:
            return None
        if subject is not None:
            return self.by_subject.get((relation, normalised(subject)))
        found = (self.by_subject.get((relation, words)) for words in _runs(asked.split()))
        return next((case_id for case_id in found if case_id is not None), None)


def _wording(prompt: str, subject: str | None) -> str:
    """A prompt without its subject, normalised."""
    return normalised(prompt.replace(subject, " {} ", 1) if subject else prompt)


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
    # of each neighbour, whether its answer is another than its fact's
    of_true = rows.filter(role="target_true")
    true = of_true.filter(prompt_type="rewrite").select("case_id", true="target")
    answers = of_true.filter(prompt_type=PROMPT_TYPE).select("case_id", "index", answer="target")
    asked = neighbour_prompts(rows)
    asked = asked.join(answers, on=["case_id", "index"], how="left", maintain_order="left")
    asked = asked.join(true, on="case_id", how="left", maintain_order="left")
    asked = asked.with_columns(own_answer=pl.col("answer").ne_missing(pl.col("true")))
    rejections = []
    for row in asked.iter_rows(named=True):
        asks = (row["relation_id"], row["prompt"], row["subject"], row["own_answer"])
        case_id = edited[row["block"]].editing(*asks)
        if case_id is not None:
            detail = f"edited by case {case_id}: {row['prompt']}"
            place = (row["case_id"], STAGE, PROMPT_TYPE, REASON, row["index"])
            rejections.append(Rejection(*place, detail=detail))
    return rejected_table(rejections)


def neighbour_prompts(rows: pl.DataFrame) -> pl.DataFrame:
    """The neighbour prompts among rows of one language, each once, in order."""
    neighbours = rows.filter(prompt_type=PROMPT_TYPE)
    return neighbours.unique(["case_id", "index"], keep="first", maintain_order=True)
