"""zsre_multilingual: JSON records with a half of zsRE's fields for each language (Bi-ZsRE, MzsRE).

    {"en": {"subject", "src", "rephrase", "alt", …}, "zh": {…}}

A half is named by the code of its language's file. With `facts.bilingual` those of the target
languages are the translations. The true target is known where every half has its `answers`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from memat.text.asked_facts import (
    AskedFact,
    looks_like_zsre,
    read_asked,
    with_known_answers,
    zsre_fact,
)
from memat.text.languages import Language
from memat.text.placed import place_subject
from memat.text.questions import Questions, with_template
from memat.text.records import Where, first_record, load_records
from memat.text.rejections import Rejection
from memat.text.two_record import GIVEN_SCHEMA


class ZsreMultilingual(Questions):
    """Questions in several languages; they are asked in a template of each."""


SETTINGS = {"facts": ZsreMultilingual}
ALIGNS_SUBJECTS = True


def completed(own: Mapping, language: Path) -> dict:
    return {**with_template(own, language), "language": language.stem}


def recognises(path: str | Path) -> bool:
    halves = [half for half in first_record(path).values() if isinstance(half, dict)]
    return any(map(looks_like_zsre, halves))


def notices(path: str | Path, others_read: bool) -> Iterator[str]:
    codes = [code for code, half in first_record(path).items() if isinstance(half, dict)]
    if not others_read and len(codes) > 1:
        yield (
            f"{path}: its records are in {', '.join(codes)}; only facts.bilingual: true reads others"
            " than the source's; as it is, the facts are translated"
        )


def read(path: str | Path, own: Mapping) -> tuple[list[dict], list[Rejection]]:
    def fact_of(where: Where, record: dict) -> AskedFact:
        fact = _half(where, record, own)
        if fact is None:
            raise where.fault(own["language"], f"missing; the record has {', '.join(record)}")
        return fact

    return read_asked(path, fact_of)


def read_language(path: str | Path, own: Mapping, language: Language) -> pl.DataFrame:
    facts = [_half(where, record, own) for where, record in load_records(path, numbered=False)]
    rows = [
        (fact.case_id, fact.prompt, False, *row)
        for fact in facts
        if fact is not None and fact.target_new is not None
        for row in _prompt_rows(fact)
    ]
    return pl.DataFrame(rows, schema=GIVEN_SCHEMA, orient="row")


def _half(where: Where, record: dict, own: Mapping) -> AskedFact | None:
    """The half in one language; without its true target where another half has none."""
    code = own["language"]
    if record.get(code) is None:
        return None
    halves = {
        name: half
        for name, half in record.items()
        if isinstance(half, dict) and looks_like_zsre(half)
    }
    known = all(half.get("answers") for half in halves.values())
    half = where.mapping(record[code], code)
    return zsre_fact(
        where, half if known else {**half, "answers": None}, own["question"], f"{code}."
    )


def _prompt_rows(fact: AskedFact) -> Iterator[tuple]:
    """Role to answer of `GIVEN_SCHEMA`, of its prompts with both targets. A subject that is not
    found in the rewrite prompt leaves it without a template."""
    placed = place_subject(fact.prompt, fact.subject)
    subject = placed.subject or fact.subject
    for role in ("target_new", "target_true"):
        target = getattr(fact, role)
        if target is not None:
            yield role, "rewrite", 0, fact.prompt, target, subject, placed.template, None
            for index, prompt in enumerate(fact.paraphrases):
                yield role, "paraphrase", index, prompt, target, subject, None, None
        for index, (prompt, answer) in enumerate(with_known_answers(fact.neighbours)):
            wanted = fact.target_new if role == "target_new" else answer
            yield role, "neighborhood", index, prompt, wanted, None, None, answer
    for index, (prompt, answer) in enumerate(with_known_answers(fact.portability)):
        yield "answer", "portability", index, prompt, answer, subject, None, answer
