"""Structure repair: translated sentences back into prompt, subject and target.

prompt + target is the translated sentence again. The alignment of words says where
the target stands; forms of the same target found elsewhere in the data settle
sentences in which the alignment slips. What cannot be repaired is a row with a reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

import polars as pl

from memat.text.corrected import correct_fact
from memat.text.gender import LeastPrompts
from memat.text.languages import Language
from memat.text.prompts import Prompt, prompts_of
from memat.text.rejections import Rejection, rejected_table
from memat.text.repaired import REPAIRED_SCHEMA, RepairedPrompt
from memat.text.reviewed import Reviewed
from memat.text.spans import (
    AlignedSentence,
    aligned_subject,
    ends_with_word,
    occurrences,
    target_start,
    without_final_punctuation,
)
from memat.text.words import words_of

SUPPORT = 2  # sentences that must show a form of a target before it settles others
STAGE = "repair_structure"


class Unrepairable(Exception):
    """Why a sentence cannot be used: reason and detail of a row of the rejected table."""


@dataclass(frozen=True)
class Evidence:
    """Everything the earlier stages say about the translations: rows by `prompt_id`."""

    translations: dict[str, dict]
    alignments: dict[str, dict]
    language: Language

    def sentence(self, prompt: Prompt) -> tuple[dict, AlignedSentence]:
        """The prompt's translation, and its words without the noise. Raises Unrepairable."""
        row = self.translations.get(prompt.prompt_id)
        if row is None or not row["translation"].strip():
            raise Unrepairable("empty_translation", prompt.source)
        core = row["translation"][row["translation_core"] :]
        found = self.alignments.get(prompt.prompt_id)
        if found is None:
            raise Unrepairable("not_aligned", core)
        pairs = ((pair["s"], pair["t"]) for pair in found["pairs"])
        words = found["source_words"], found["translation_words"]
        return row, AlignedSentence.of(core, *words, pairs)

    def target_by_alignment(self, prompt: Prompt, aligned: AlignedSentence) -> int | None:
        return target_start(aligned, len(words_of(prompt.target)), self.language)


def target_forms(prompts: Iterable[Prompt], evidence: Evidence) -> dict[str, Counter]:
    """How often each form of each target stands at the end of a sentence, by alignment.

    Prompts with one source are one sentence.
    """
    forms: dict[str, Counter] = defaultdict(Counter)
    distinct: dict[str, Prompt] = {}
    for prompt in prompts:
        distinct.setdefault(prompt.source, prompt)
    for prompt in distinct.values():
        try:
            _, aligned = evidence.sentence(prompt)
        except Unrepairable:
            continue
        start = evidence.target_by_alignment(prompt, aligned)
        if start is not None:
            forms[prompt.target][without_final_punctuation(aligned.text[start:])] += 1
    return forms


def repair_facts(
    facts: pl.DataFrame,
    prompts: pl.DataFrame,
    translations: pl.DataFrame,
    alignments: pl.DataFrame,
    language: Language,
    reviewed: Reviewed | None = None,
    least: LeastPrompts | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Repaired prompts (`REPAIRED_SCHEMA`) and the rejected table.

    prompts: of the facts, `memat.text.prompts.PROMPT_SCHEMA`. A fact whose rewrite prompt is lost
    for one of its targets is a rejected record.
    reviewed: a person's corrections. least: what the next stage asks of a fact; tells which
    facts it keeps but for the corrections.
    """
    reviewed, least = reviewed or Reviewed(), least or LeastPrompts()
    tables = (translations, alignments)
    by_id = ({row["prompt_id"]: row for row in table.iter_rows(named=True)} for table in tables)
    evidence = Evidence(*by_id, language)
    by_case: dict[int, list[Prompt]] = defaultdict(list)
    for prompt in prompts_of(prompts):
        by_case[prompt.case_id].append(prompt)
    forms = target_forms(chain.from_iterable(by_case.values()), evidence)
    repaired, rejections = [], []
    for fact in facts.iter_rows(named=True):
        of_fact = by_case[fact["case_id"]]
        kept, lost = [], []
        for prompt in of_fact:
            try:
                kept.append(repair_prompt(prompt, evidence, forms[prompt.target]))
            except Unrepairable as fault:
                reason, detail = fault.args
                place = (prompt.case_id, STAGE, prompt.prompt_type, reason, prompt.index)
                lost.append(Rejection(*place, prompt.role, detail))
        if fact["case_id"] in reviewed.by_fact:
            kept, lost = correct_fact(
                fact, of_fact, kept, lost, reviewed, evidence.translations, language, least
            )
        kept, lost = _with_rewrites(kept, lost)
        repaired += kept
        rejections += lost
    rows = pl.DataFrame([vars(row) for row in repaired], schema=REPAIRED_SCHEMA)
    return rows, rejected_table(rejections)


def _with_rewrites(
    kept: list[RepairedPrompt], lost: list[Rejection]
) -> tuple[list[RepairedPrompt], list[Rejection]]:
    """Nothing of a fact without its rewrite prompts, which is a rejected record then."""
    rewrites = [rejection for rejection in lost if rejection.prompt_type == "rewrite"]
    if rewrites and not any(rejection.prompt_type == "record" for rejection in lost):
        lost = [*lost, replace(rewrites[0], prompt_type="record", index=None)]
    return ([], lost) if rewrites else (kept, lost)


def repair_prompt(prompt: Prompt, evidence: Evidence, forms: Counter) -> RepairedPrompt:
    """A translated sentence as prompt and target. Raises Unrepairable(reason, detail)."""
    row, aligned = evidence.sentence(prompt)
    plain = row["plain_target"]
    start, flags = _find_target(prompt, aligned, evidence, forms, plain)
    target = without_final_punctuation(aligned.text[start:])
    core, joined = split_prompt(aligned.text[:start], evidence.language)
    subject = _find_subject(prompt, row, aligned, core)
    template = None
    if prompt.prompt_type == "rewrite":
        place = occurrences(core, subject)[0]
        template = core[:place] + "{}" + core[place + len(subject) :]
    lead = row["translation"][: row["translation_core"]]
    if row["unknown"] and any(word in row["unknown"] for word in words_of(target)):
        flags.append("unknown_target")
    names = words_of(f"{subject or ''} {prompt.subject or ''}")
    left = [w for w in row["unknown"] if w in words_of(core) and w not in names and w.islower()]
    if left:
        raise Unrepairable("unknown_words", ", ".join(left))
    return RepairedPrompt.of(
        prompt,
        translation=row["translation"],
        template=template,
        subject=subject,
        prompt=lead + core,
        target=target,
        plain_target=plain or target,
        joined=joined,
        score=row["score"],
        flags=flags,
    )


def split_prompt(before_target: str, language: Language) -> tuple[str, bool]:
    """The prompt without its last space, and whether the target joins it directly."""
    prompt = before_target.rstrip()
    joined = prompt == before_target and prompt.lower().endswith(language.elided_endings)
    return prompt, bool(prompt) and joined


def _find_target(
    prompt: Prompt, aligned: AlignedSentence, evidence: Evidence, forms: Counter, plain: str
) -> tuple[int, list[str]]:
    """Offset of the target at the end of the sentence, and flags."""
    start = evidence.target_by_alignment(prompt, aligned)
    form = without_final_punctuation(aligned.text[start:]) if start is not None else ""
    # the target translated alone, or left as it is, is the best witness of its extent
    for known in (plain, prompt.target):
        at = ends_with_word(aligned.text, known)
        if at is not None:
            return at, [] if form.lower() == known.lower() else ["target_by_form"]
    if form and forms[form] >= SUPPORT:
        return start, []
    supported = (form for form, count in forms.items() if count >= SUPPORT)
    ends = [at for form in supported if (at := ends_with_word(aligned.text, form)) is not None]
    if ends:
        # the longest known form: "comèdia de situació" rather than "situació"
        return min(ends), ["target_by_form"]
    if start is None:
        raise Unrepairable("target_not_final", aligned.text)
    return start, ["rare_target_form"]


def _find_subject(prompt: Prompt, row: dict, aligned: AlignedSentence, core: str) -> str | None:
    """The subject's form in the prompt. A rewrite needs it exactly once."""
    subject = prompt.subject
    if subject is None:
        return None
    form = row["translated_subject"] or subject
    if not occurrences(core, form):
        form = aligned_subject(aligned, subject, len(core)) or ""
    places = occurrences(core, form)
    if not places:
        raise Unrepairable("subject_not_found", aligned.text)
    if len(places) > 1 and prompt.prompt_type == "rewrite":
        raise Unrepairable("subject_ambiguous", aligned.text)
    return form
