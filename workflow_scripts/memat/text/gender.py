"""Two records for one: each target with prompts that agree with it.

Within one record the target has a single form (the probability of a prompt must not
hang on an ending); a prompt stands in a language only if both targets have it. A fact
whose true target is unknown has one record, that of its new target.
"""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from memat.text.languages import Language
from memat.text.own_answers import neighbour_answers
from memat.text.prompts import ANSWER, BILINGUAL_SCHEMA, ROLES
from memat.text.rejections import Rejection, lost_in, rejected_table
from memat.text.spans import is_article
from memat.text.words import words_of

STAGE = "duplicate_gender"
LEAST_STEM = 2
Key = tuple[str, int]


@dataclass(frozen=True)
class LeastPrompts:
    """A fact with fewer surviving prompts is dropped, unless it was given none of the type."""

    paraphrases: int = 1
    neighborhood: int = 1

    def of(self, fact: dict) -> "LeastPrompts":
        """What is asked of one fact: nothing where its source has nothing."""
        return LeastPrompts(
            self.paraphrases if fact["paraphrase_prompts"] else 0,
            self.neighborhood if any(answer for answer, _ in neighbour_answers(fact)) else 0,
        )


def paired_facts(
    facts: pl.DataFrame, repaired: pl.DataFrame, language: Language, least: LeastPrompts
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`BILINGUAL_SCHEMA` of the facts that survive in a target language, in file order, and the
    rejected table."""
    by_case = repaired.rows_by_key("case_id", named=True, include_key=True)
    rows, rejections = [], []
    for fact in facts.iter_rows(named=True):
        if rows_of_fact := by_case.get(fact["case_id"]):  # else lost in repair, with its reason
            known = fact["target_true"] is not None
            kept, lost = agree_fact(rows_of_fact, language, least.of(fact), known)
            rejections += lost
            rows += [{name: row.get(name) for name in BILINGUAL_SCHEMA} for row in kept]
    paired = pl.DataFrame(rows, schema=BILINGUAL_SCHEMA).with_columns(
        language=pl.lit(language.code)
    )
    return paired, lost_in(rejected_table(rejections), language.code)


def agree_fact(
    rows: list[dict], language: Language, least: LeastPrompts, true_known: bool = True
) -> tuple[list[dict], list[Rejection]]:
    """The prompts of one fact that agree with their targets; none if the fact is lost.

    true_known: whether the fact has a true target, with which every prompt must stand too.
    Answers of a prompt's own agree with that prompt only.
    """
    by_role: dict[str, dict[Key, dict]] = {}
    lost: list[Rejection] = []
    for role in ROLES:
        of_role = [row for row in rows if row["role"] == role]
        agreed, rejected = single_form([r for r in of_role if not has_own_answer(r)], language)
        agreed += filter(has_own_answer, of_role)
        by_role[role] = {(row["prompt_type"], row["index"]): row for row in agreed}
        lost += rejected
    new, true = (by_role[role] for role in ROLES)
    keys, unpaired = _paired_keys(new, true, true_known)
    lost += unpaired
    paired = [key for key in keys if key in true]
    unequal = {}
    if not language.duplicate_by_target:
        differing = [key for key in paired if new[key]["prompt"] != true[key]["prompt"]]
        unequal = dict.fromkeys(differing, "prompts_differ")
    for key in paired:
        same = true[key]["target"].lower() == new[key]["target"].lower()
        if same and has_own_answer(true[key]):
            unequal.setdefault(key, "targets_equal")
    lost += [_reject(new[key], None, reason) for key, reason in unequal.items()]
    keys = [key for key in keys if key not in unequal]
    fault = _record_fault(rows, [new, true], keys, least)
    if fault:
        return [], [*lost, Rejection(rows[0]["case_id"], STAGE, "record", *fault)]
    kept = [record[key] for record in (new, true) for key in keys if key in record]
    return [*kept, *(row for row in rows if row["role"] == ANSWER)], lost


def has_own_answer(row: dict) -> bool:
    """Whether the target of a repaired prompt is an answer of the prompt's own."""
    return row["role"] != ROLES[0] and row.get("answer") is not None


def _paired_keys(
    new: dict[Key, dict], true: dict[Key, dict], true_known: bool
) -> tuple[list[Key], list[Rejection]]:
    """The prompts that stand with all targets they need, and rejections of the others.

    Without a true target only a neighbour needs another than the new one.
    """
    lost = []
    for role, own, other in ((ROLES[0], new, true), (ROLES[1], true, new)):
        for key, row in own.items():
            if key in other or not (true_known or key[0] == "neighborhood"):
                continue
            if true_known or row.get("answer") is not None:
                lost.append(_reject(row, role, "other_target_lost"))
            else:
                lost.append(_reject(row, ROLES[1], "no_true_target"))
    paired = [key for key in new if key in true or not (true_known or key[0] == "neighborhood")]
    return paired, lost


def _record_fault(
    rows: list[dict], records: list[dict[Key, dict]], keys: list[Key], least: LeastPrompts
) -> tuple | None:
    """Reason, index, role and detail of a lost fact; None if it stays."""
    counts = Counter(prompt_type for prompt_type, _ in keys)
    if not counts["rewrite"]:
        return ("rewrite_lost", None, None, rows[0]["source"])
    rewrites = [record["rewrite", 0] for record in records if ("rewrite", 0) in record]
    if len({row["target"].lower() for row in rewrites}) < len(rewrites):
        return ("targets_equal", None, None, rewrites[0]["target"])
    for prompt_type, wanted, reason in (
        ("paraphrase", least.paraphrases, "too_few_paraphrases"),
        ("neighborhood", least.neighborhood, "too_few_neighborhood"),
    ):
        if counts[prompt_type] < wanted:
            return (reason, None, None, f"{counts[prompt_type]} of at least {wanted}")
    return None


def single_form(rows: list[dict], language: Language) -> tuple[list[dict], list[Rejection]]:
    """Rows of one (fact, role) with one form of the target; others repaired or rejected."""
    if not rows:
        return [], []
    form = record_form(rows, language)
    kept, lost = [], []
    for row in rows:
        if agreed := _with_form(row, form, language):
            kept.append(agreed)
        else:
            detail = f"{row['target']}, not {form}"
            lost.append(_reject(row, row["role"], "target_form_differs", detail))
    return kept, lost


def _with_form(row: dict, form: str, language: Language) -> dict | None:
    """The row with this form of its target; None where its prompt cannot agree with it."""
    if row["target"] == form:
        return row
    texts = {}
    for name in ("prompt", "template"):
        text = row[name]
        if text is not None:
            text = agreeing_text(text, row["target"], form, row["joined"], language)
            if text is None:
                return None
        texts[name] = text
    return row | texts | {"target": form, "flags": [*row["flags"], "target_form_replaced"]}


def record_form(rows: list[dict], language: Language) -> str:
    """The form of the target for one record: that of its rewrite prompt.

    A reviewed form stands as it is; others give way to the target translated alone,
    where that is another ending of the same word (francesa → francès).
    """
    first = min(
        rows, key=lambda row: (row["prompt_type"] != "rewrite", "reviewed" not in row["flags"])
    )
    plain = first["plain_target"]
    if first["target"][:1].islower():
        plain = plain[:1].lower() + plain[1:]
    if "reviewed" not in first["flags"] and same_word(plain, first["target"], language):
        return plain
    return first["target"]


def agreeing_text(
    text: str, target: str, form: str, joined: bool, language: Language
) -> str | None:
    """What stands before a target, before another form of it; None if they cannot agree.

    An article before the target takes the form that goes with the new ending
    (és la | portuguesa → és el | portuguès).
    """
    if target.lower() == form.lower():
        return text
    endings = ending_positions(target, form, language)
    if endings is None:
        return None
    if joined:
        # the same first letters, hence the same elision
        return text if target[:2].lower() == form[:2].lower() else None
    last = words_of(text)[-1:]
    if not last or not is_article(last[0], language):
        return text
    if language.starts_with_vowel(form):
        return None
    old, new = endings
    fitting = [
        forms
        for forms in language.agreement
        if max(old, new) < len(forms) and text.endswith(f" {forms[old]}")
    ]
    if not fitting:
        return None
    forms = max(fitting, key=lambda forms: len(forms[old]))  # "de la" rather than "la"
    return text.removesuffix(forms[old]) + forms[new]


def same_word(first: str, second: str, language: Language) -> bool:
    """Whether two texts are equal or differ only in an ending (francès, francesa)."""
    return first.lower() == second.lower() or ending_positions(first, second, language) is not None


def ending_positions(first: str, second: str, language: Language) -> tuple[int, int] | None:
    """Positions of the endings of two forms of one word in their class of endings.

    None if they are not one word. Of texts of several words only one may differ.
    """
    one, two = first.lower().split(), second.lower().split()
    different = [(a, b) for a, b in zip(one, two, strict=False) if a != b]
    if len(one) != len(two) or len(different) != 1:
        return None
    a, b = different[0]
    for endings in language.inflections:
        for old, ending in enumerate(endings):
            stem = a.removesuffix(ending)
            if not a.endswith(ending) or len(stem) < LEAST_STEM:
                continue
            for new, other in enumerate(endings):
                if b == stem + other:
                    return old, new
    return None


def _reject(row: dict, role: str | None, reason: str, detail: str = "") -> Rejection:
    place = (row["case_id"], STAGE, row["prompt_type"], reason, row["index"], role)
    return Rejection(*place, detail or row["prompt"])
