"""Translating the prompts of the facts with their targets, names protected.

What is equal is translated once. A source is noise + sentence; only the sentence decides prompt and
target, so the two parts are translated apart and put together again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from memat.text.engine import Engine, Translation
from memat.text.languages import Language, apply_rules
from memat.text.prompts import Prompt, columns_of, prompts_of
from memat.text.protect import (
    Masked,
    join_name,
    kept_targets,
    known_names,
    names_with_article,
    restore,
    without_article,
)
from memat.text.sentences import core_start_in_translation
from memat.text.spans import occurrences, without_final_punctuation


@dataclass
class TranslatedPrompt:
    """A row of the translations table.

    The last three are signs for the review alone, empty where the engine offers none of them.
    """

    prompt_id: str
    translation: str  # of the whole source, noise included; "" where there is none
    translated_subject: str | None  # its form in the translation
    translation_core: int  # where the sentence starts after the noise
    plain_target: str  # the target translated alone; "" where the engine was not asked
    engine: str
    score: float | None
    unknown: list[str]
    back: str | None = None  # the sentence translated back, without its noise
    verb: bool | None = None  # whether it has a finite verb
    subject_as_word: str | None = None  # what the subject in lower case is, where it is known


TRANSLATION_SCHEMA = columns_of(TranslatedPrompt)


@dataclass(frozen=True)
class Unit:
    """What is translated at once: a sentence without its noise, subject and target known."""

    core: str
    subject: str | None
    subject_start: int | None
    target: str

    @classmethod
    def of(cls, prompt: Prompt) -> "Unit":
        start = None if prompt.subject_start is None else prompt.subject_start - prompt.core
        return cls(prompt.sentence, prompt.subject, start, prompt.target)


def translate_prompts(
    prompts: pl.DataFrame,
    engine: Engine,
    source_language: Language,
    target_language: Language,
    protect_subject: bool = True,
) -> pl.DataFrame:
    """`TRANSLATION_SCHEMA`, a row for each of the prompts (`memat.text.prompts.PROMPT_SCHEMA`)."""
    asked = prompts_of(prompts)
    if engine.whole_sources:
        rows = _translate_whole(asked, engine)
    else:
        translator = Translator(engine, target_language, source_language)
        rows = _translate_parts(asked, translator, protect_subject)
        add_second_look(asked, rows, engine, source_language, target_language)
    # not the objects, which polars takes apart with deep copies
    return pl.DataFrame([vars(row) for row in rows], schema=TRANSLATION_SCHEMA)


def translated(
    prompts: pl.DataFrame, translations: pl.DataFrame
) -> Iterator[tuple[Prompt, dict, str]]:
    """The prompts that have a translation, in their order: each with its row of `translations`, and
    the translated sentence without its noise."""
    rows = {row["prompt_id"]: row for row in translations.iter_rows(named=True)}
    for prompt in prompts_of(prompts):
        if row := rows.get(prompt.prompt_id):
            yield prompt, row, row["translation"][row["translation_core"] :]


def translated_sentences(translations: pl.DataFrame) -> pl.DataFrame:
    """prompt_id, sentence: the translations without their noise, where there is something left."""
    sentence = pl.col("translation").str.slice(pl.col("translation_core"))
    sentences = translations.select("prompt_id", sentence=sentence)
    return sentences.filter(pl.col("sentence").str.strip_chars() != "")


def _translate_whole(prompts: Sequence[Prompt], engine: Engine) -> list[TranslatedPrompt]:
    """Each source as it stands; where its noise ends is told from the translation."""
    sources = sorted({prompt.source for prompt in prompts})
    answers = dict(zip(sources, engine.translate(sources), strict=True))
    rows = []
    for prompt in prompts:
        answer = answers[prompt.source]
        core = core_start_in_translation(prompt.source, prompt.core, answer.text)
        made = (prompt.subject, core, "", engine.name)
        rows.append(
            TranslatedPrompt(
                prompt.prompt_id, answer.text, *made, answer.score, list(answer.unknown)
            )
        )
    return rows


def _translate_parts(
    prompts: Sequence[Prompt], translator: "Translator", protect: bool
) -> list[TranslatedPrompt]:
    """Noise and sentence apart, names protected, and each target alone."""
    units = list(dict.fromkeys(map(Unit.of, prompts)))
    if protect:
        translator.learn_names(units)
    cores = translator.translate_units(units)
    leads = translator.translate_texts({p.source[: p.core] for p in prompts} - {""})
    plain = translator.translate_texts({f"{p.target}." for p in prompts})
    rows = []
    for prompt in prompts:
        core = cores[Unit.of(prompt)]
        noise = prompt.source[: prompt.core]
        lead = leads.get(noise, "")
        if lead:  # with the blank that separates it from the sentence
            lead += "\n" if noise.endswith("\n") else " "
        target = translator.kept.get(prompt.target) or plain[f"{prompt.target}."]
        text, form = lead + core.text if core.text else "", translator.form(prompt.subject)
        made = (form, len(lead), without_final_punctuation(target), translator.engine.name)
        rows.append(TranslatedPrompt(prompt.prompt_id, text, *made, core.score, list(core.unknown)))
    return rows


class Translator:
    """An engine with the rules of the language it translates into, and protected names.

    names: subject → its form in the other language. kept: targets that are protected too.
    """

    def __init__(self, engine: Engine, language: Language, source_language: Language) -> None:
        self.engine, self.language = engine, language
        self.stand_ins, self.articles = source_language.stand_ins, source_language.articles
        ruled = engine.name in language.rules_for
        self.source_rules = language.source_rules if ruled else ()
        self.translation_rules = language.translation_rules if ruled else ()
        self.protects = False
        self.names: dict[str | None, str] = {}
        self.kept: dict[str, str] = {}

    def learn_names(self, units: Sequence[Unit]) -> None:
        """From now on, protect the subjects of these units and the targets that are names."""
        listed = dict(self.language.names)
        subjects = {unit.subject for unit in units if unit.subject}
        targets = {unit.target for unit in units}
        self.protects = True
        self.names |= known_names(self.engine.translate, subjects, self.language)
        self.names |= names_with_article(
            self.engine.translate, subjects, self.articles, self.language
        )
        kept = kept_targets(self.engine.translate, targets, self.language)
        self.kept = {target: target for target in kept}
        self.kept |= {target: listed[target] for target in targets if target in listed}

    def form(self, subject: str | None) -> str | None:
        """The subject as it stands in translations; an article before a name is not part of it."""
        name = self.names.get(subject, subject)
        return name if name == subject else without_article(name, self.language)

    def translate_texts(self, texts: Iterable[str]) -> dict[str, str]:
        """Free text (noise), sentence by sentence as it stands."""
        answers = self._translate_distinct(texts)
        return {text: answer.text.strip() for text, answer in answers.items()}

    def translate_units(self, units: Sequence[Unit]) -> dict[Unit, Translation]:
        """Each unit's translation, names restored.

        The stand-ins are tried in the order of the language file until one comes
        through; a unit that loses all of them is translated as it stands.
        """
        done: dict[Unit, Translation] = {}
        for attempt in range(len(self.stand_ins) if self.protects else 0):
            open_units = [unit for unit in units if unit not in done]
            masked = {unit: self._mask(unit, attempt) for unit in open_units}
            masked = {unit: mask for unit, mask in masked.items() if mask}
            answers = self._translate_distinct(mask.text for mask in masked.values())
            for unit, mask in masked.items():
                answer = answers[mask.text]
                text = restore(mask, answer.text, self.language)
                if text is not None:
                    done[unit] = replace(answer, text=self._finish(unit, text))
        left = {u: apply_rules(self.source_rules, u.core) for u in units if u not in done}
        answers = self._translate_distinct(left.values())
        for unit, source in left.items():
            answer = answers[source]
            done[unit] = replace(answer, text=self._finish(unit, answer.text))
        return done

    def _translate_distinct(self, texts: Iterable[str]) -> dict[str, Translation]:
        distinct = sorted(set(texts))
        return dict(zip(distinct, self.engine.translate(distinct), strict=True)) if distinct else {}

    def _mask(self, unit: Unit, attempt: int) -> Masked | None:
        """The unit with stand-ins; None where it has no subject or holds the stand-in itself."""
        if unit.subject is None:
            return None
        count = len(self.stand_ins)
        person, other = self.stand_ins[attempt], self.stand_ins[(attempt + 1) % count]
        if person in unit.core or other in unit.core:
            return None
        end = unit.subject_start + len(unit.subject)
        before, after = unit.core[: unit.subject_start], unit.core[end:]
        pairs = [(person, self.names.get(unit.subject, unit.subject))]
        if unit.target in self.kept and count > 1:
            after = after.removesuffix(f"{unit.target}.") + f"{other}."
            pairs.append((other, self.kept[unit.target]))
        # the rules see the subject as one word, whatever name stands there
        return Masked(apply_rules(self.source_rules, before + person + after), tuple(pairs))

    def _finish(self, unit: Unit, text: str) -> str:
        text = " ".join(apply_rules(self.translation_rules, text).split())
        if unit.core[:1].isupper():
            text = text[:1].upper() + text[1:]
        return text


def add_second_look(
    prompts: Sequence[Prompt],
    rows: Sequence[TranslatedPrompt],
    engine: Engine,
    source_language: Language,
    target_language: Language,
) -> None:
    """Fill in what the engine makes of its own work, as far as it looks at it."""
    words = _subjects_as_words({prompt.subject for prompt in prompts}, engine, source_language)
    for prompt, row in zip(prompts, rows, strict=True):
        row.subject_as_word = words.get(prompt.subject)
    back = engine.back() if hasattr(engine, "back") else None
    if back is None or not target_language.stand_ins:
        return
    stand_in = target_language.stand_ins[0]
    masked = [_masked(row, stand_in, target_language) for row in rows]
    distinct = sorted({text for text in masked if text})
    answers = dict(zip(distinct, back.translate(distinct), strict=True)) if distinct else {}
    verbs = dict(zip(distinct, back.has_verb(distinct), strict=False))
    for prompt, row, text in zip(prompts, rows, masked, strict=True):
        if text:
            row.back = answers[text].text.replace(stand_in, prompt.subject or stand_in)
            row.verb = verbs.get(text)


def _masked(row: TranslatedPrompt, stand_in: str, language: Language) -> str:
    """The sentence with a name that the engine knows in the place of its subject."""
    text, form = row.translation[row.translation_core :], row.translated_subject or ""
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
