"""Rows of facts from records of other people's benchmarks, whose prompts are whole texts.

Relations are not given: a fact's relation is its rewrite prompt with "{}" for the subject, so two
records contradict each other where they ask the same of one subject.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from memat.progress import with_progress
from memat.text.placed import place_subject
from memat.text.questions import MARKS, as_question, asked
from memat.text.records import Where, load_records
from memat.text.rejections import FACT, READING, Rejection

Answered = tuple[str, str | None]  # a prompt and its answer


@dataclass(frozen=True)
class AskedFact:
    """A fact as a record states it; prompts are as they are asked."""

    case_id: int
    position: int
    subject: str
    prompt: str
    target_new: str | None
    target_true: str | None
    paraphrases: list[str] = field(default_factory=list)
    neighbours: list[Answered] = field(default_factory=list)
    portability: list[Answered] = field(default_factory=list)

    def row(self) -> tuple[dict | None, list[Rejection]]:
        """A row of `memat.text.facts.FACT_SCHEMA`, none for a fact that cannot be edited, and
        what is rejected of it."""
        placed = place_subject(self.prompt, self.subject)
        reason = self._fault() or placed.reason
        if reason:
            return None, [Rejection(self.case_id, READING, FACT, reason, detail=self.prompt)]
        unanswered = []
        row = {
            "case_id": self.case_id,
            "position": self.position,
            "relation_id": placed.template,
            "subject": placed.subject,
            "prompt": placed.template,
            "target_new": self.target_new,
            "target_true": self.target_true,
            "paraphrase_prompts": self.paraphrases,
        }
        answered = {"neighborhood": self.neighbours, "portability": self.portability}
        for prompt_type, listed in answered.items():
            unanswered += [
                Rejection(self.case_id, READING, prompt_type, "answer_unknown", detail=prompt)
                for prompt, answer in listed
                if answer is None
            ]
            known = with_known_answers(listed)
            row[f"{prompt_type}_prompts"] = [prompt for prompt, _ in known]
            row[f"{prompt_type}_answers"] = [answer for _, answer in known]
        return row, unanswered

    def _fault(self) -> str | None:
        """The reason code of a fact that says nothing new."""
        if self.target_new is None:
            return "no_new_target"
        return "new_target_is_true" if self.target_new == self.target_true else None


def with_known_answers(listed: list[Answered]) -> list[Answered]:
    """Those of the prompts whose answer the record gives."""
    return [(prompt, answer) for prompt, answer in listed if answer is not None]


def read_asked(
    path: str | Path, fact_of: Callable[[Where, dict], AskedFact]
) -> tuple[list[dict], list[Rejection]]:
    """What a reader's `read` gives, of a file whose records are such facts."""
    rows, rejections = [], []
    for where, record in with_progress(load_records(path, numbered=False), "facts read"):
        row, rejected = fact_of(where, record).row()
        rows += [row] if row else []
        rejections += rejected
    return rows, rejections


def first_text(where: Where, value: object, field: str) -> str | None:
    """A text, or the first of a list of alike ones, lists of lists too; None for an empty one."""
    while isinstance(value, list):
        value = value[0] if value else None
    return where.text_or_none(value, field)


def prompts_with_answers(
    where: Where, value: object, field: str, keys: tuple[str, str]
) -> list[Answered]:
    """Prompts with their answers: one {prompt, answer}, a list of them, or one with two lists.

    keys: the names that prompt and answer have.
    """
    if value is None or value == {}:
        return []
    if isinstance(value, list):
        return [
            pair
            for item, place in where.items(value, field)
            for pair in prompts_with_answers(where, item, place, keys)
        ]
    entry = where.mapping(value, field)
    prompts, answers = (entry.get(key) for key in keys)
    places = [f"{field}.{key}" for key in keys]
    if not isinstance(prompts, list):
        return [(where.text(prompts, places[0]), first_text(where, answers, places[1]))]
    if not isinstance(answers, list) or len(answers) != len(prompts):
        found = len(answers) if isinstance(answers, list) else 1
        raise where.fault(
            places[1], f"must be a list as long as {keys[0]}'s {len(prompts)}, found {found}"
        )
    return [
        (where.text(prompt, f"{places[0]}[{i}]"), first_text(where, answer, f"{places[1]}[{i}]"))
        for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True))
    ]


def texts(where: Where, value: object, field: str) -> list[str]:
    """Texts of a list, or one text; none for nothing."""
    if isinstance(value, str):
        return [where.text(value, field)] if value.strip() else []
    return where.prompts(value, field)


NEEDED = ("subject", "src", "alt")  # the fields that every record of zsRE has


def looks_like_zsre(record: dict) -> bool:
    return set(NEEDED) <= record.keys()


def zsre_fact(where: Where, record: dict, template: str, within: str = "") -> AskedFact:
    """A record of zsRE, or the half of one whose fields are named `within` ("en."), as a fact.

        {"subject", "src", "rephrase", "alt", "answers", "loc", "loc_ans",
         "portability": {"New Question", "New Answer"}}

    `alt` is the new answer, `answers` the true ones (of which the first counts; they may be left
    out). template: with which the questions of its language are asked.
    """
    question, subject = (where.subject(record.get(k), f"{within}{k}") for k in ("src", "subject"))
    mark = question[-1] if question.endswith(tuple(MARKS)) else "?"
    locality = texts(where, record.get("loc"), f"{within}loc")
    answer, new, true = (
        first_text(where, record.get(key), f"{within}{key}")
        for key in ("loc_ans", "alt", "answers")
    )
    portability = prompts_with_answers(
        where, record.get("portability"), f"{within}portability", ("New Question", "New Answer")
    )
    return AskedFact(
        where.case_id,
        where.position,
        subject,
        asked(question, template),
        new,
        true,
        [asked(t, template) for t in texts(where, record.get("rephrase"), f"{within}rephrase")],
        [(as_question(prompt, template, mark), answer) for prompt in locality],
        [(asked(prompt, template), own) for prompt, own in portability],
    )
