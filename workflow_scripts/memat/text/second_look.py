"""A translator looks at its own work: back-translations, verbs, and subjects that are words.

Signs for the review table only. Where an engine offers none of this, they stay empty.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from memat.text.engine import Engine
from memat.text.languages import Language
from memat.text.prompts import Prompt
from memat.text.protect import join_name
from memat.text.spans import occurrences

SECOND_LOOK_SCHEMA = {"back": pl.String, "verb": pl.Boolean, "subject_as_word": pl.String}


def add_second_look(
    pairs: Sequence[tuple[Prompt, dict]],
    engine: Engine,
    source_language: Language,
    target_language: Language,
) -> None:
    """Fill `SECOND_LOOK_SCHEMA` in the rows of the translations table, each with its prompt.

    back: the sentence translated back, without its noise. verb: whether it has a finite verb.
    subject_as_word: what the translator makes of the subject in lower case, where it knows it.
    """
    if engine.whole_sources:
        return
    words = _subjects_as_words({p.subject for p, _ in pairs}, engine, source_language)
    for prompt, row in pairs:
        row["subject_as_word"] = words.get(prompt.subject)
    back = engine.back() if hasattr(engine, "back") else None
    if back is None or not target_language.stand_ins:
        return
    stand_in = target_language.stand_ins[0]
    masked = [_masked(row, stand_in, target_language) for _, row in pairs]
    distinct = sorted({text for text in masked if text})
    answers = dict(zip(distinct, back.translate(distinct), strict=True)) if distinct else {}
    verbs = dict(zip(distinct, back.has_verb(distinct), strict=False))
    for (prompt, row), text in zip(pairs, masked, strict=True):
        if text:
            row["back"] = answers[text].text.replace(stand_in, prompt.subject or stand_in)
            row["verb"] = verbs.get(text)


def _masked(row: dict, stand_in: str, language: Language) -> str:
    """The sentence with a name that the engine knows in the place of its subject."""
    text = row["translation"][row["translation_core"] :]
    form = row["translated_subject"] or ""
    for start in reversed(occurrences(text, form)):
        before, name = join_name(language, text[:start], stand_in)
        text = before + name + text[start + len(form) :]
    return text


def _subjects_as_words(
    subjects: Iterable[str | None], engine: Engine, language: Language
) -> dict[str, str]:
    """Subjects that could be common words, and their translation as such.

    Only those whose words after the first are in lower case: others are names.
    """
    candidates = {}
    for subject in filter(None, subjects):
        first, *rest = subject.split()
        words = rest if rest and first.lower() in language.articles else [first, *rest]
        if all(word.islower() for word in words[1:]):
            candidates[subject] = " ".join(words).lower()
    texts = sorted(set(candidates.values()))
    if not texts:
        return {}
    answers = engine.translate([f"{text}." for text in texts])
    known = {
        text: answer.text.rstrip(".")
        for text, answer in zip(texts, answers, strict=True)
        if answer.text.rstrip(".").lower() != text and not answer.unknown
    }
    return {subject: known[text] for subject, text in candidates.items() if text in known}
