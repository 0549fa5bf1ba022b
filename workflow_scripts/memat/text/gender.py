"""Two records for one: each target with prompts that agree with it.

Within one record the target has a single form (the probability of a prompt must not
hang on an ending); a prompt stands in a language only if both targets have it.
"""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from memat.text.languages import Language
from memat.text.rejections import Rejection, rejected_table
from memat.text.sentences import ROLES, fact_sentences
from memat.text.spans import is_article
from memat.text.words import words_of

BILINGUAL_SCHEMA = {
    "case_id": pl.Int64,
    "relation_id": pl.String,
    "split": pl.String,
    "language": pl.String,
    "role": pl.String,
    "kind": pl.String,
    "index": pl.Int64,
    "subject": pl.String,
    "template": pl.String,
    "prompt": pl.String,
    "target": pl.String,
    "joined": pl.Boolean,
}
STAGE = "gender"
LEAST_STEM = 3
Key = tuple[str, int]


@dataclass(frozen=True)
class LeastPrompts:
    """A fact with fewer surviving prompts is dropped."""

    paraphrases: int = 1
    neighborhood: int = 1


def bilingual_facts(
    facts: pl.DataFrame,
    repaired: pl.DataFrame,
    source_language: Language,
    target_language: Language,
    least: LeastPrompts,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`BILINGUAL_SCHEMA` in both languages, and the rejected table.

    Only facts that survive in both languages are kept, in file order.
    """
    by_case = {
        case_id: group.rows(named=True)
        for (case_id,), group in repaired.group_by("case_id", maintain_order=True)
    }
    rows, rejections = [], []
    for fact, sentences in fact_sentences(facts):
        if fact["case_id"] not in by_case:
            continue  # lost in repair, with its reason there
        kept, lost = agree_fact(by_case[fact["case_id"]], target_language, least)
        rejections += lost
        if kept:
            rows += [_source_row(fact, s, source_language.code) for s in sentences]
            rows += [_target_row(row, target_language.code) for row in kept]
    return pl.DataFrame(rows, schema=BILINGUAL_SCHEMA), rejected_table(rejections)


def agree_fact(
    rows: list[dict], language: Language, least: LeastPrompts
) -> tuple[list[dict], list[Rejection]]:
    """The prompts of one fact that agree with their targets; none if the fact is lost."""
    by_role: dict[str, dict[Key, dict]] = {}
    lost: list[Rejection] = []
    for role in ROLES:
        of_role = [row for row in rows if row["role"] == role]
        agreed, rejected = single_form(of_role, language)
        by_role[role] = {(row["kind"], row["index"]): row for row in agreed}
        lost += rejected
    new, true = (by_role[role] for role in ROLES)
    for role, own, other in ((ROLES[0], new, true), (ROLES[1], true, new)):
        lost += [_reject(own[key], role, "other_target_lost") for key in own if key not in other]
    both = [key for key in new if key in true]
    if not language.duplicate_by_target:
        unequal = [key for key in both if new[key]["prompt"] != true[key]["prompt"]]
        lost += [_reject(new[key], None, "prompts_differ") for key in unequal]
        both = [key for key in both if key not in unequal]
    fault = _record_fault(rows, both, new, true, least)
    if fault:
        return [], [*lost, Rejection(rows[0]["case_id"], STAGE, "record", *fault)]
    return [by_role[role][key] for role in ROLES for key in both], lost


def _record_fault(
    rows: list[dict], both: list[Key], new: dict, true: dict, least: LeastPrompts
) -> tuple | None:
    """Reason, index, role and detail of a lost fact; None if it stays."""
    kinds = Counter(kind for kind, _ in both)
    if not kinds["rewrite"]:
        return ("rewrite_lost", None, None, rows[0]["source"])
    if new["rewrite", 0]["target"].lower() == true["rewrite", 0]["target"].lower():
        return ("targets_equal", None, None, new["rewrite", 0]["target"])
    for kind, wanted, reason in (
        ("paraphrase", least.paraphrases, "too_few_paraphrases"),
        ("neighborhood", least.neighborhood, "too_few_neighborhood"),
    ):
        if kinds[kind] < wanted:
            return (reason, None, None, f"{kinds[kind]} of at least {wanted}")
    return None


def single_form(rows: list[dict], language: Language) -> tuple[list[dict], list[Rejection]]:
    """Rows of one (fact, role) with one form of the target; others repaired or rejected."""
    if not rows:
        return [], []
    form = record_form(rows, language)
    kept, lost = [], []
    for row in rows:
        if row["target"] == form:
            kept.append(row)
        elif _fits(row, form, language):
            kept.append(row | {"target": form, "flags": [*row["flags"], "target_form_replaced"]})
        else:
            lost.append(
                _reject(row, row["role"], "target_form_differs", f"{row['target']}, not {form}")
            )
    return kept, lost


def record_form(rows: list[dict], language: Language) -> str:
    """The form of the target for one record.

    A reviewed form first; else the form of the target translated alone, if the
    sentences show it or another ending of it; else the most frequent one.
    """
    forms = Counter(row["target"] for row in rows)
    for row in rows:
        if "reviewed" in row["flags"]:
            return row["target"]
    frequent = max(forms, key=lambda form: (forms[form], form == rows[0]["target"]))
    plain = rows[0]["plain_target"]
    if frequent[:1].islower():
        plain = plain[:1].lower() + plain[1:]
    seen = {form.lower() for form in forms}
    return plain if plain.lower() in seen or same_word(plain, frequent, language) else frequent


def same_word(first: str, second: str, language: Language) -> bool:
    """Whether two texts differ only in the ending of a word class (francès, francesa)."""
    one, two = first.lower().split(), second.lower().split()
    if len(one) != len(two):
        return False
    return all(a == b or _inflected(a, b, language) for a, b in zip(one, two, strict=True))


def _inflected(first: str, second: str, language: Language) -> bool:
    for endings in language.inflections:
        for ending in endings:
            stem = first.removesuffix(ending) if first.endswith(ending) else ""
            if len(stem) >= LEAST_STEM and any(second == stem + other for other in endings):
                return True
    return False


def _fits(row: dict, form: str, language: Language) -> bool:
    """Whether the record's form can stand in this prompt."""
    if row["target"].lower() == form.lower():
        return True
    if not same_word(row["target"], form, language):
        return False
    if row["joined"]:
        return language.starts_with_vowel(form)
    # an article before the target was chosen for the other ending
    last = words_of(row["prompt"])[-1:]
    return not (last and is_article(last[0], language))


def _reject(row: dict, role: str | None, reason: str, detail: str = "") -> Rejection:
    place = (row["case_id"], STAGE, row["kind"], reason, row["index"], role)
    return Rejection(*place, detail or row["prompt"])


def _target_row(row: dict, code: str) -> dict:
    return {name: row.get(name) for name in BILINGUAL_SCHEMA} | {"language": code}


def _source_row(fact: dict, sentence, code: str) -> dict:
    prompt = sentence.prompt
    return {
        "case_id": fact["case_id"],
        "relation_id": fact["relation_id"],
        "split": fact["split"],
        "language": code,
        "role": sentence.role,
        "kind": prompt.kind,
        "index": prompt.index,
        "subject": prompt.subject,
        "template": fact["prompt"] if prompt.kind == "rewrite" else None,
        "prompt": prompt.text,
        "target": sentence.target,
        "joined": False,
    }
