"""The prompts of the facts in the source language: the spine of the dataset.

A prompt and an answer that it is asked with are one row, with an id that every later table of every
language has too. What a stage finds of a prompt is looked up by it, never by a text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import polars as pl

from memat.text.own_answers import neighbour_answers
from memat.text.sentences import SubjectFinder

ROLES = ("target_new", "target_true")  # the two targets of a fact
ANSWER = "answer"  # role of what a portability prompt asks for, which is neither
PROMPT_TYPES = ("rewrite", "paraphrase", "neighborhood", "portability")
# what a prompt has whichever target it is asked with
ASKED = ["prompt_type", "index", "prompt", "subject", "subject_start", "core", "template", "answer"]


@dataclass(frozen=True)
class AskedRow:
    """What is asked, in any language; a target language has rows of the same ids."""

    prompt_id: str  # of a prompt with an answer: one in every language
    case_id: int  # the fact
    relation_id: str  # of the fact
    split: str  # of the fact: report or tuning
    language: str  # code of the language of all texts of the row
    role: str  # one of ROLES, or ANSWER
    prompt_type: str  # one of PROMPT_TYPES
    index: int  # of the prompt among those of its type, from 0
    subject: str | None  # as it is written in the prompt; null where none could be told
    template: str | None  # of a rewrite prompt, with "{}" for the subject
    prompt: str  # the text before the target
    target: str  # what the prompt is asked with
    joined: bool  # whether no space stands between prompt and target


@dataclass(frozen=True)
class Prompt(AskedRow):
    """A prompt in the source language: the unit of translation and repair."""

    subject_start: int | None  # offset of the subject in the prompt
    core: int  # offset of the sentence that states the fact, behind unrelated text (noise)
    answer: str | None  # the prompt's own, which stands in for the true target

    @property
    def source(self) -> str:
        """The sentence that is translated, with the noise before it."""
        return f"{self.prompt} {self.target}."

    @property
    def sentence(self) -> str:
        """The same without the noise."""
        return self.source[self.core :]

    @property
    def has_own_answer(self) -> bool:
        """Whether the target is the prompt's own, and not one of the fact's two."""
        return self.role != ROLES[0] and self.answer is not None


def columns_of(row: type) -> dict[str, pl.DataType]:
    """The schema of a table whose rows are objects of a dataclass."""
    return {known.name: pl.DataType.from_python(known.type) for known in fields(row)}


BILINGUAL_SCHEMA = columns_of(AskedRow)
# written out: what is called here runs for every script that has a prompt's schema, methods and all
PROMPT_SCHEMA = BILINGUAL_SCHEMA | {
    "subject_start": pl.Int64,
    "core": pl.Int64,
    "answer": pl.String,
}


def prompt_id(case_id: int, role: str, prompt_type: str, index: int) -> str:
    """The id of a prompt with an answer: it depends on no other fact or language."""
    return f"{case_id}/{prompt_type}/{index}/{role}"


def list_prompts(facts: pl.DataFrame, language: str) -> pl.DataFrame:
    """`PROMPT_SCHEMA`, fact by fact in file order: all prompts with the new target, then with the
    true one as far as it is known, then portability prompts with their answers.

    language: code of the language of the facts.
    """
    finder = SubjectFinder.of(facts)
    rows = []
    for fact in facts.iter_rows(named=True):
        shared = {name: fact[name] for name in ("case_id", "relation_id", "split")}
        shared |= {"language": language, "joined": False}
        prompts = [shared | dict(zip(ASKED, p, strict=True)) for p in _prompts(fact, finder)]
        for role in (*ROLES, ANSWER):
            for prompt in prompts:
                if (target := _target(fact, prompt, role)) is not None:
                    key = prompt_id(fact["case_id"], role, prompt["prompt_type"], prompt["index"])
                    rows.append(prompt | {"prompt_id": key, "role": role, "target": target})
    return pl.DataFrame(rows, schema=PROMPT_SCHEMA)


def prompts_of(table: pl.DataFrame) -> list[Prompt]:
    """The rows of a table of `PROMPT_SCHEMA`."""
    return [Prompt(**row) for row in table.iter_rows(named=True)]


def join_languages(prompts: pl.DataFrame, paired: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """`BILINGUAL_SCHEMA` in all languages, in file order: of each fact its source rows, then
    those of each target language it has.

    prompts: of the source, `PROMPT_SCHEMA`. paired: as of `memat.text.gender.paired_facts`, one table
    a target. A fact that is lost in one target language stays in the others.
    """
    translated = pl.concat(paired)
    source = prompts.select(*BILINGUAL_SCHEMA).join(
        translated, on="case_id", how="semi", maintain_order="left"
    )
    places = prompts.select("case_id").unique(maintain_order=True).with_row_index("place")
    rows = pl.concat([source, translated]).join(places, on="case_id", maintain_order="left")
    return rows.sort("place", maintain_order=True).drop("place")


def facts_by_language(bilingual: pl.DataFrame) -> dict[str, int]:
    """Language → number of its facts, in the order of the table."""
    counts = bilingual.group_by("language", maintain_order=True).agg(pl.col("case_id").n_unique())
    return dict(counts.iter_rows())


def _target(fact: dict, prompt: dict, role: str) -> str | None:
    """What a prompt is asked with in a role; None where it is not asked so."""
    if (role == ANSWER) != (prompt["prompt_type"] == "portability"):
        return None
    own = prompt["answer"] if role != ROLES[0] else None
    return fact.get(role) if own is None else own


def _prompts(fact: dict, finder: SubjectFinder) -> Iterator[tuple]:
    """The values of `ASKED` of each prompt of a fact."""
    relation, template, subject = fact["relation_id"], fact["prompt"], fact["subject"]
    text, start = template.replace("{}", subject), template.index("{}")
    yield "rewrite", 0, text, subject, start, 0, template, None
    for index, text in enumerate(fact["paraphrase_prompts"]):
        start = text.rfind(subject)
        if start >= 0:  # others are rejected where the facts are read
            core = finder.core_start(relation, text, start, start + len(subject))
            yield "paraphrase", index, text, subject, start, core, None, None
    own = fact.get("neighborhood_answers") or [None] * len(fact["neighborhood_prompts"])
    for index, (answer, _) in enumerate(neighbour_answers(fact)):
        if answer is not None:  # others are rejected where the facts are read
            text = fact["neighborhood_prompts"][index]
            span = finder.neighbour_subject(relation, text)
            name, start = (text[slice(*span)], span[0]) if span else (None, None)
            yield "neighborhood", index, text, name, start, 0, None, own[index]
    asked = zip(
        fact.get("portability_prompts") or (), fact.get("portability_answers") or (), strict=True
    )
    for index, (text, answer) in enumerate(asked):
        start = text.rfind(subject)
        name, start = (subject, start) if start >= 0 else (None, None)
        yield "portability", index, text, name, start, 0, None, answer
