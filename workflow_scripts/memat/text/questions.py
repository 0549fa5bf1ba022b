"""Questions as prompts: asked and answered in a stated template of each language.

A model is asked for what ends a prompt, so a question becomes "{} Answer:" with the question for
"{}"; the template is the key `question` of the language's file, or a setting of the format. A
machine translates the question and its answer apart, and puts them into the other language's
template.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from memat.errors import LanguageError
from memat.study.section import Language as Code
from memat.study.section import PlainText, Section
from memat.text.engine import Engine, Translation
from memat.text.languages import load_language

MARKS = "?？؟"  # what ends a question: Latin, full width, Arabic
NATURAL = re.compile(r"^\s*nq question:\s*", re.IGNORECASE)  # how zsRE marks its locality
Template = Annotated[PlainText, Field(pattern=r"^[^{}]*\{\}[^{}]*$")]


class Questions(Section):
    """How questions are asked."""

    question: dict[Code, Template] = {}
    """language → the template that its questions are asked in, instead of the key `question` of
    its file (en: "{} Answer:")"""


def with_template(own: Mapping, language: Path) -> dict:
    """Settings of a format with the `question` template of one language, whose file is given.

    Raises LanguageError where neither the settings nor the file have one.
    """
    code = language.stem
    template = own["question"].get(code) or load_language(language).question
    if not template:
        raise LanguageError(
            f"{language}: the key 'question' is missing, with which the questions of this format"
            f' are asked; add it ("{{}} Answer:") or set question: {{{code}: …}} of the format'
        )
    return {**own, "question": template}


def is_question(text: str) -> bool:
    """Whether a text is marked as a question."""
    return text.rstrip().endswith(tuple(MARKS)) or bool(NATURAL.match(text))


def asked(text: str, template: str) -> str:
    """A question as a prompt that its answer ends; a text that is none as it stands."""
    return as_question(text, template) if is_question(text) else text


def as_question(text: str, template: str, mark: str = "?") -> str:
    """A text that is a question, marked or not, as a prompt that its answer ends."""
    question = NATURAL.sub("", text).strip()
    if not question.endswith(tuple(MARKS)):
        question += mark
    return template.replace("{}", question)


class QuestionEngine:
    """An engine for sentences of which some are questions with answers, in a template.

    It translates question and answer apart, so that the other language's template stands between
    them; other sentences as the engine does.
    """

    def __init__(self, engine: Engine, source_template: str, target_template: str) -> None:
        self.engine, self.target_template = engine, target_template
        self.name, self.whole_sources = engine.name, engine.whole_sources
        self.before, self.after = source_template.split("{}")

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        parts = [self._parts(sentence) for sentence in sentences]
        texts = list(dict.fromkeys(text for part in parts for text in part))
        known = dict(zip(texts, self.engine.translate(texts), strict=True))
        return [self._joined([known[text] for text in part]) for part in parts]

    def _parts(self, sentence: str) -> list[str]:
        """Question and answer of a sentence; the sentence alone where it is no question."""
        question, sign, answer = sentence.removeprefix(self.before).rpartition(f"{self.after} ")
        is_one = sentence.startswith(self.before) and sign and is_question(question)
        return [question, answer] if is_one else [sentence]

    def _joined(self, translations: list[Translation]) -> Translation:
        if len(translations) == 1:
            return translations[0]
        question, answer = translations
        if not (question.text and answer.text):
            return Translation("")
        scores = [part.score for part in translations if part.score is not None]
        return Translation(
            f"{self.target_template.replace('{}', question.text)} {answer.text}",
            min(scores, default=None),
            (*question.unknown, *answer.unknown),
        )
