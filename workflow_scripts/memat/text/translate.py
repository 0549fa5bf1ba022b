"""Translating the sentences of the facts: each distinct one once, names protected.

A source is noise + sentence; only the sentence decides prompt and target, so the
two parts are translated apart and put together again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from memat.text.engine import Engine, Translation
from memat.text.languages import Language, apply_rules
from memat.text.protect import (
    Masked,
    kept_targets,
    known_names,
    names_with_article,
    restore,
    without_article,
)
from memat.text.second_look import SECOND_LOOK_SCHEMA, add_second_look
from memat.text.sentences import Sentence, core_start_in_translation, fact_sentences

TRANSLATION_SCHEMA = {
    "source": pl.String,
    "subject": pl.String,
    "translation": pl.String,
    "translated_subject": pl.String,
    "source_core": pl.Int64,
    "translation_core": pl.Int64,
    "engine": pl.String,
    "score": pl.Float64,
    "unknown": pl.List(pl.String),
    **SECOND_LOOK_SCHEMA,
}


@dataclass(frozen=True)
class Unit:
    """What is translated at once: a sentence without its noise, subject and target known."""

    core: str
    subject: str | None
    subject_start: int | None
    target: str

    @classmethod
    def of(cls, sentence: Sentence) -> "Unit":
        prompt = sentence.prompt
        start = None if prompt.subject_start is None else prompt.subject_start - prompt.core
        return cls(sentence.source[prompt.core :], prompt.subject, start, sentence.target)


def translate_facts(
    facts: pl.DataFrame,
    engine: Engine,
    source_language: Language,
    target_language: Language,
    protect_subject: bool = True,
) -> pl.DataFrame:
    """`TRANSLATION_SCHEMA`: each distinct (source, subject) of the facts once.

    source_core, translation_core: where the sentence starts after the noise.
    """
    sentences = [s for _, of_fact in fact_sentences(facts) for s in of_fact]
    if engine.whole_sources:
        rows = _translate_whole(sentences, engine)
    else:
        translator = Translator(engine, target_language, source_language)
        rows = _translate_parts(sentences, translator, protect_subject)
    of_facts = {(s.source, s.prompt.subject) for s in sentences}
    looked_at = [row for row in rows if (row["source"], row["subject"]) in of_facts]
    add_second_look(looked_at, engine, source_language, target_language)
    return pl.DataFrame(rows, schema=TRANSLATION_SCHEMA)


def join_translations(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Translations of several groups of facts; of a sentence that two of them hold, the first."""
    joined = pl.concat([pl.DataFrame(schema=TRANSLATION_SCHEMA), *tables])
    return joined.unique(["source", "subject"], keep="first", maintain_order=True)


def translated_sentences(translations: pl.DataFrame) -> list[str]:
    """The distinct translated sentences without their noise; targets alone are none."""
    of_facts = translations.filter(pl.col("subject").is_not_null())
    cores = (r["translation"][r["translation_core"] :] for r in of_facts.iter_rows(named=True))
    return sorted({core for core in cores if core.strip()})


def _translate_whole(sentences: Sequence[Sentence], engine: Engine) -> list[dict]:
    """Each source as it stands; where its noise ends is told from the translation."""
    distinct = {(s.source, s.prompt.subject): s for s in sentences}
    sources = sorted({source for source, _ in distinct})
    answers = dict(zip(sources, engine.translate(sources), strict=True))
    return [
        _row(
            sentence,
            answers[source],
            core_start_in_translation(source, sentence.prompt.core, answers[source].text),
            engine.name,
        )
        for (source, _), sentence in distinct.items()
    ]


def _translate_parts(
    sentences: Sequence[Sentence], translator: "Translator", protect: bool
) -> list[dict]:
    """Noise and sentence apart, names protected, and each target alone."""
    units = list(dict.fromkeys(map(Unit.of, sentences)))
    if protect:
        translator.learn_names(units)
    cores = translator.translate_units(units)
    leads = translator.translate_texts({s.source[: s.prompt.core] for s in sentences} - {""})
    rows = {}
    for sentence in sentences:
        source, subject = sentence.source, sentence.prompt.subject
        if (source, subject) not in rows:
            core = cores[Unit.of(sentence)]
            lead = _lead(source[: sentence.prompt.core], leads)
            text = lead + core.text if core.text else ""
            row = _row(sentence, replace(core, text=text), len(lead), translator.engine.name)
            row["translated_subject"] = translator.form(subject)
            rows[source, subject] = row
    plain = translator.translate_texts({f"{s.target}." for s in sentences})
    plain |= {f"{target}.": f"{form}." for target, form in translator.kept.items()}
    rows |= {
        (source, None): _plain_row(source, text, translator.engine.name)
        for source, text in plain.items()
    }
    return list(rows.values())


def _lead(source: str, leads: dict[str, str]) -> str:
    """The translated noise with the blank that separates it from the sentence."""
    if not leads.get(source):
        return ""
    return leads[source] + ("\n" if source.endswith("\n") else " ")


def _row(sentence: Sentence, answer: Translation, core: int, engine: str) -> dict:
    """core: where the sentence starts in the translation."""
    return {
        "source": sentence.source,
        "subject": sentence.prompt.subject,
        "translation": answer.text,
        "translated_subject": sentence.prompt.subject,
        "source_core": sentence.prompt.core,
        "translation_core": core,
        "engine": engine,
        "score": answer.score,
        "unknown": list(answer.unknown),
    }


def _plain_row(source: str, text: str, engine: str) -> dict:
    """A target translated alone: its dictionary form."""
    row = dict.fromkeys(TRANSLATION_SCHEMA)
    return row | {
        "source": source,
        "translation": text,
        "source_core": 0,
        "translation_core": 0,
        "engine": engine,
        "unknown": [],
    }


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
        texts = sorted(texts)
        return {
            text: translation.text.strip()
            for text, translation in zip(texts, self.engine.translate(texts), strict=True)
        }

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
                    done[unit] = Translation(self._finish(unit, text), answer.score, answer.unknown)
        left = [unit for unit in units if unit not in done]
        answers = self._translate_distinct(apply_rules(self.source_rules, u.core) for u in left)
        for unit in left:
            answer = answers[apply_rules(self.source_rules, unit.core)]
            text = self._finish(unit, answer.text)
            done[unit] = Translation(text, answer.score, answer.unknown)
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
