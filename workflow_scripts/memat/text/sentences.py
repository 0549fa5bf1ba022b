"""Where a sentence begins, and where its subject stands.

A paraphrase prompt begins with unrelated text (noise); its `core` is the sentence that states the
fact. The subjects of neighbourhood prompts are not given: they are what a known prompt template of
the relation leaves over.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import polars as pl

SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|\n+")
CAPITALISED_RUN = re.compile(
    r"(?:[A-ZÀ-Þ0-9][\w.&'’-]*)(?:\s+(?:of|the|and|de|[A-ZÀ-Þ0-9][\w.&'’-]*))*"
)

Template = tuple[str, str]  # what stands before and after the subject


class TemplateIndex:
    """Templates by what stands before the subject: a prompt meets only those that begin it.

    The time of a prompt grows with its length, not with the number of templates.
    """

    def __init__(self, templates: Iterable[Template]) -> None:
        self.orders: dict[str, dict[str, int]] = defaultdict(dict)
        for order, (before, after) in enumerate(templates):
            self.orders[before].setdefault(after, order)
        self.starts = sorted({len(before) for before in self.orders})
        self.tails = {
            before: sorted({len(after) for after in afters}, reverse=True)
            for before, afters in self.orders.items()
        }

    def subject(self, text: str) -> tuple[int, int] | None:
        """Span of the shortest subject that a template leaves over; of equal ones the first's."""
        found = (
            (len(name), order, start)
            for start in self.starts
            if (rest := self._subject_at(text, start))
            for name, order in (rest,)
        )
        length, _, start = min(found, default=(0, 0, 0))
        return (start, start + length) if length else None

    def _subject_at(self, text: str, start: int) -> tuple[str, int] | None:
        """The shortest subject that begins at `start`, and the number of its template."""
        before = text[:start]
        for tail in self.tails.get(before, ()):
            end = len(text) - tail
            order = self.orders[before].get(text[end:]) if end > start else None
            if order is not None and (name := text[start:end]) == name.strip():
                return name, order
        return None


@dataclass(frozen=True)
class SubjectFinder:
    """Prompt templates of each relation, learnt from the prompts whose subject is given.

    repeated: (relation, what stands after the subject) → what stands before it, of the
    templates that several prompts have.
    """

    by_relation: dict[str, TemplateIndex]
    everywhere: TemplateIndex
    repeated: dict[Template, list[str]]

    @classmethod
    def of(cls, facts: pl.DataFrame) -> "SubjectFinder":
        by_relation = defaultdict(Counter)
        for fact in facts.iter_rows(named=True):
            templates = by_relation[fact["relation_id"]]
            templates[tuple(fact["prompt"].split("{}"))] += 1
            for text in fact["paraphrase_prompts"]:
                start = text.rfind(fact["subject"])
                if start >= 0:
                    end = start + len(fact["subject"])
                    templates[(text[_sentence_start(text, start) : start], text[end:])] += 1
        repeated = defaultdict(list)
        for relation, templates in by_relation.items():
            for (before, after), count in templates.items():
                if count > 1:
                    repeated[relation, after].append(before)
        return cls(
            {relation: TemplateIndex(templates) for relation, templates in by_relation.items()},
            TemplateIndex(dict.fromkeys(chain.from_iterable(by_relation.values()))),
            dict(repeated),
        )

    def core_start(self, relation: str, text: str, start: int, end: int) -> int:
        """Where the sentence with the subject (text[start:end]) begins.

        At the last end of a sentence before the subject, or later where noise
        without a full stop runs into a template of the relation.
        """
        first = _sentence_start(text, start)
        lead, rest = text[first:start], text[end:]
        known = [
            before
            for before in self.repeated.get((relation, rest), ())
            if len(before) < len(lead)
            and lead.endswith(before)
            and lead[: len(lead) - len(before)][-1:].isspace()
        ]
        return start - len(max(known, key=len)) if known else first

    def neighbour_subject(self, relation: str, text: str) -> tuple[int, int] | None:
        """Span of the subject in a neighbourhood prompt; None where nothing fits."""
        if relation in self.by_relation and (span := self.by_relation[relation].subject(text)):
            return span
        if span := self.everywhere.subject(text):
            return span
        runs = [run.span() for run in CAPITALISED_RUN.finditer(text)]
        return max(runs, key=lambda span: span[1] - span[0]) if runs else None


def _sentence_start(text: str, before: int) -> int:
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, before)]
    return ends[-1] if ends else 0


def starts_sentence(text: str, at: int) -> bool:
    """Whether a sentence begins at this offset."""
    return _sentence_start(text, at) == at


def core_start_in_translation(source: str, core: int, translation: str) -> int:
    """Where the translation of source[core:] starts, when the whole was translated at once.

    Counts sentences from the end: the core has as many in both languages.
    """
    if core == 0:
        return 0
    inside = len(list(SENTENCE_END.finditer(source.rstrip(), core)))
    ends = [match.end() for match in SENTENCE_END.finditer(translation.rstrip())]
    return ends[-1 - inside] if len(ends) > inside else 0
