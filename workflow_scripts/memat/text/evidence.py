"""What translations and alignments say about a sentence and about the forms of a target."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from memat.text.languages import Language
from memat.text.sentences import Sentence
from memat.text.spans import AlignedSentence, target_start, without_final_punctuation
from memat.text.words import words_of


class Unrepairable(Exception):
    """Why a sentence cannot be used; becomes a row of the rejected table."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Evidence:
    """Everything the earlier stages say about the translations of the facts."""

    translations: dict[tuple[str, str | None], dict]
    alignments: dict[tuple[str, str], dict]
    language: Language

    @classmethod
    def of(
        cls, translations: pl.DataFrame, alignments: pl.DataFrame, language: Language
    ) -> "Evidence":
        by_source = {(r["source"], r["subject"]): r for r in translations.iter_rows(named=True)}
        by_pair = {(r["source"], r["translation"]): r for r in alignments.iter_rows(named=True)}
        return cls(by_source, by_pair, language)

    def translation(self, sentence: Sentence) -> dict:
        row = self.translations.get((sentence.source, sentence.prompt.subject))
        if row is None or not row["translation"].strip():
            raise Unrepairable("empty_translation", sentence.source)
        return row

    def aligned(self, sentence: Sentence, row: dict) -> AlignedSentence:
        core = row["translation"][row["translation_core"] :]
        alignment = self.alignments.get((sentence.source[sentence.prompt.core :], core))
        if alignment is None:
            raise Unrepairable("not_aligned", core)
        return AlignedSentence.of(core, alignment)

    def plain_target(self, target: str) -> str:
        """The target translated alone; "" where the engine was not asked."""
        row = self.translations.get((f"{target}.", None))
        return without_final_punctuation(row["translation"]) if row else ""

    def target_by_alignment(self, sentence: Sentence, aligned: AlignedSentence) -> int | None:
        return target_start(aligned, len(words_of(sentence.target)), self.language)


def target_forms(sentences: Iterable[Sentence], evidence: Evidence) -> dict[str, Counter]:
    """How often each form of each target stands at the end of a sentence, by alignment."""
    forms: dict[str, Counter] = defaultdict(Counter)
    seen = set()
    for sentence in sentences:
        if sentence.source in seen:
            continue
        seen.add(sentence.source)
        try:
            aligned = evidence.aligned(sentence, evidence.translation(sentence))
        except Unrepairable:
            continue
        start = evidence.target_by_alignment(sentence, aligned)
        if start is not None:
            form = without_final_punctuation(aligned.text[start:])
            forms[sentence.target][form] += 1
    return forms
