"""What translations and alignments say about a sentence and about the forms of a target."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from memat.text.languages import Language
from memat.text.prompts import Prompt
from memat.text.spans import AlignedSentence, target_start, without_final_punctuation
from memat.text.words import words_of


class Unrepairable(Exception):
    """Why a sentence cannot be used; becomes a row of the rejected table."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Evidence:
    """Everything the earlier stages say about the translations: rows by `prompt_id`."""

    translations: dict[str, dict]
    alignments: dict[str, dict]
    language: Language

    @classmethod
    def of(
        cls, translations: pl.DataFrame, alignments: pl.DataFrame, language: Language
    ) -> "Evidence":
        by_id = [
            {row["prompt_id"]: row for row in table.iter_rows(named=True)}
            for table in (translations, alignments)
        ]
        return cls(*by_id, language)

    def translation(self, prompt: Prompt) -> dict:
        row = self.translations.get(prompt.prompt_id)
        if row is None or not row["translation"].strip():
            raise Unrepairable("empty_translation", prompt.source)
        return row

    def aligned(self, prompt: Prompt, row: dict) -> AlignedSentence:
        core = row["translation"][row["translation_core"] :]
        alignment = self.alignments.get(prompt.prompt_id)
        if alignment is None:
            raise Unrepairable("not_aligned", core)
        return AlignedSentence.of(core, alignment)

    def target_by_alignment(self, prompt: Prompt, aligned: AlignedSentence) -> int | None:
        return target_start(aligned, len(words_of(prompt.target)), self.language)


def target_forms(prompts: Iterable[Prompt], evidence: Evidence) -> dict[str, Counter]:
    """How often each form of each target stands at the end of a sentence, by alignment.

    Prompts with one source are one sentence.
    """
    forms: dict[str, Counter] = defaultdict(Counter)
    seen = set()
    for prompt in prompts:
        if prompt.source in seen:
            continue
        seen.add(prompt.source)
        try:
            aligned = evidence.aligned(prompt, evidence.translation(prompt))
        except Unrepairable:
            continue
        start = evidence.target_by_alignment(prompt, aligned)
        if start is not None:
            form = without_final_punctuation(aligned.text[start:])
            forms[prompt.target][form] += 1
    return forms
