"""English sentences of the facts: prompt + target, with subject and noise located.

Each prompt gives one sentence for each target. A paraphrase prompt begins with
unrelated text (noise); its `core` is the sentence that states the fact. The
subjects of neighbourhood prompts are not given: they are what a known prompt
template of the relation leaves over.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

ROLES = ("target_new", "target_true")
KINDS = ("rewrite", "paraphrase", "neighborhood")
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|\n+")
CAPITALISED_RUN = re.compile(
    r"(?:[A-ZÀ-Þ0-9][\w.&'’-]*)(?:\s+(?:of|the|and|de|[A-ZÀ-Þ0-9][\w.&'’-]*))*"
)

Template = tuple[str, str]  # what stands before and after the subject


@dataclass(frozen=True)
class Prompt:
    """One English prompt, subject filled in.

    core: offset where the sentence that states the fact starts (after the noise).
    subject_start: offset of the subject; None where no subject could be told.
    """

    case_id: int
    kind: str
    index: int
    text: str
    core: int
    subject: str | None
    subject_start: int | None

    def source(self, target: str) -> str:
        """The sentence that is translated."""
        return f"{self.text} {target}."


@dataclass(frozen=True)
class Sentence:
    """One prompt with one of the two targets: the unit of translation and repair."""

    prompt: Prompt
    role: str
    target: str

    @property
    def source(self) -> str:
        return self.prompt.source(self.target)

    @property
    def target_start(self) -> int:
        return len(self.prompt.text) + 1


def fact_sentences(facts: pl.DataFrame) -> Iterator[tuple[dict, list[Sentence]]]:
    """Each fact (a row) with its sentences: all prompts, both targets each."""
    finder = SubjectFinder.of(facts)
    for fact in facts.iter_rows(named=True):
        prompts = list(_prompts(fact, finder))
        yield (
            fact,
            [Sentence(prompt, role, fact[role]) for role in ROLES for prompt in prompts],
        )


def _prompts(fact: dict, finder: "SubjectFinder") -> Iterator[Prompt]:
    case_id, relation, subject = fact["case_id"], fact["relation_id"], fact["subject"]
    start = fact["prompt"].index("{}")
    text = fact["prompt"].replace("{}", subject)
    yield Prompt(case_id, "rewrite", 0, text, 0, subject, start)
    for index, text in enumerate(fact["paraphrase_prompts"]):
        start = text.rfind(subject)
        if start >= 0:  # others are rejected where the facts are read
            core = finder.core_start(relation, text, start, start + len(subject))
            yield Prompt(case_id, "paraphrase", index, text, core, subject, start)
    for index, text in enumerate(fact["neighborhood_prompts"]):
        span = finder.neighbour_subject(relation, text)
        name, start = (text[slice(*span)], span[0]) if span else (None, None)
        yield Prompt(case_id, "neighborhood", index, text, 0, name, start)


@dataclass(frozen=True)
class SubjectFinder:
    """Prompt templates of each relation, learnt from the prompts whose subject is given."""

    by_relation: dict[str, Counter]
    everywhere: Counter

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
        everywhere = Counter()
        for templates in by_relation.values():
            everywhere.update(templates)
        return cls(dict(by_relation), everywhere)

    def core_start(self, relation: str, text: str, start: int, end: int) -> int:
        """Where the sentence with the subject (text[start:end]) begins.

        At the last end of a sentence before the subject, or later where noise
        without a full stop runs into a template of the relation.
        """
        first = _sentence_start(text, start)
        lead, rest = text[first:start], text[end:]
        known = [
            before
            for (before, after), count in self.by_relation.get(relation, Counter()).items()
            if after == rest
            and count > 1
            and len(before) < len(lead)
            and lead.endswith(before)
            and (lead[: len(lead) - len(before)][-1:].isspace())
        ]
        return start - len(max(known, key=len)) if known else first

    def neighbour_subject(self, relation: str, text: str) -> tuple[int, int] | None:
        """Span of the subject in a neighbourhood prompt; None where nothing fits."""
        for templates in (self.by_relation.get(relation, ()), self.everywhere):
            spans = [span for template in templates if (span := _left_over(template, text))]
            if spans:
                return min(spans, key=lambda span: span[1] - span[0])
        runs = [run.span() for run in CAPITALISED_RUN.finditer(text)]
        return max(runs, key=lambda span: span[1] - span[0]) if runs else None


def _sentence_start(text: str, before: int) -> int:
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, before)]
    return ends[-1] if ends else 0


def core_start_in_translation(source: str, core: int, translation: str) -> int:
    """Where the translation of source[core:] starts, when the whole was translated at once.

    Counts sentences from the end: the core has as many in both languages.
    """
    if core == 0:
        return 0
    inside = len(list(SENTENCE_END.finditer(source.rstrip(), core)))
    ends = [match.end() for match in SENTENCE_END.finditer(translation.rstrip())]
    return ends[-1 - inside] if len(ends) > inside else 0


def _left_over(template: Template, text: str) -> tuple[int, int] | None:
    before, after = template
    start, end = len(before), len(text) - len(after)
    if start < end and text.startswith(before) and text.endswith(after):
        name = text[start:end]
        return (start, end) if name == name.strip() else None
    return None
