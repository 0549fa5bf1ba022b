"""A person's corrections in the prompts of a fact: a new form is a form of the whole fact.

Subject and target have one form in all prompts of a fact (the target: of a role). So a
corrected form follows into the prompts that nobody corrected, and none is lost to a mismatch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from memat.errors import CorrectionsFileError
from memat.text.gender import LeastPrompts, agree_fact
from memat.text.languages import Language
from memat.text.prompts import Prompt
from memat.text.protect import join_name
from memat.text.rejections import Rejection
from memat.text.repaired import Article, RepairedPrompt, article_change, with_subject, with_target
from memat.text.reviewed import Correction, Reviewed
from memat.text.sentences import starts_sentence
from memat.text.spans import occurrences

STAGE = "repair_structure"
REVIEWED, FOLLOWS = "reviewed", "follows_correction"
DROPPED, LOST = "dropped_by_correction", "lost_by_correction"


@dataclass(frozen=True)
class Changes:
    """What corrections change in all prompts of a fact.

    subjects: old form → new. targets: role → new form. articles: role → the article that
    stood before the old form, and that before the new.
    """

    subjects: dict[str, str]
    targets: dict[str, str]
    articles: dict[str, Article]


def correct_fact(
    fact: dict,
    prompts: list[Prompt],
    kept: list[RepairedPrompt],
    lost: list[Rejection],
    reviewed: Reviewed,
    translations: dict[str, dict],
    language: Language,
    least: LeastPrompts,
) -> tuple[list[RepairedPrompt], list[Rejection]]:
    """The machine's prompts of a fact, kept and lost, with its corrections applied.

    translations: rows of the table by prompt_id. Corrections that say what the machine says change
    nothing. Raises CorrectionsFileError where two of them contradict each other.
    """
    machine = {row.prompt_id: row for row in kept}
    changed = {
        key: correction
        for key, correction in reviewed.by_fact[fact["case_id"]].items()
        if correction.changes(machine.get(key))
    }
    if not changed:
        return kept, lost
    asked = {prompt.prompt_id: prompt for prompt in prompts}
    # the machine's forms; of a dropped prompt the form it would have had
    old_subjects = {
        key: machine[key].subject
        if key in machine
        else translations.get(key, {}).get("translated_subject") or asked[key].subject
        for key in changed
    }
    changes = _changes(changed, asked, machine, old_subjects, reviewed, language)
    rows = []
    for key, prompt in asked.items():
        row, correction = machine.get(key), changed.get(key)
        if correction is not None and correction.prompt:
            row = _corrected(prompt, correction, old_subjects[key], language)
        if row is not None and (correction is None or correction.prompt):
            rows.append(_following(prompt, row, changes, language))
    named = {_place(asked[key]) for key in changed}
    lost = [one for one in lost if _place(one) not in named]
    return _without_lost(fact, kept, rows, lost, changed, asked, reviewed, language, least)


def corrections_line(repaired: pl.DataFrame, rejected: pl.DataFrame) -> str:
    """What corrections did, for the job's closing line."""
    counts = [
        repaired.filter(pl.col("flags").list.contains(flag)).height for flag in (REVIEWED, FOLLOWS)
    ]
    dropped = rejected.filter(pl.col("reason").is_in([DROPPED, LOST]))
    records = dropped.filter(prompt_type="record")["case_id"].to_list()
    line = (
        f"corrections: {counts[0]} prompts corrected, {counts[1]} follow them,"
        f" {dropped.height - len(records)} prompts and {len(records)} facts dropped by them"
    )
    return line + (f" (case_id {', '.join(map(str, records))})" if records else "")


def _changes(
    changed: dict[str, Correction],
    asked: dict[str, Prompt],
    machine: dict[str, RepairedPrompt],
    old_subjects: dict[str, str | None],
    reviewed: Reviewed,
    language: Language,
) -> Changes:
    subjects: dict[str, Correction] = {}
    targets: dict[str, Correction] = {}
    articles: dict[str, Article] = {}
    for key, correction in changed.items():
        if not correction.prompt:
            continue
        role, old = asked[key].role, old_subjects[key]
        if old and correction.new_subject(old):
            first = subjects.setdefault(old, correction)
            if first.subject.lower() != correction.subject.lower():
                raise _contradiction(reviewed, first, correction, "subject")
        if asked[key].has_own_answer:
            continue  # its form is that of no other prompt
        rows = [machine[key]] if key in machine else machine.values()
        if correction.target not in [row.target for row in rows if row.role == role]:
            first = targets.setdefault(role, correction)
            if first.target != correction.target:
                raise _contradiction(reviewed, first, correction, "target")
            if key in machine:
                before = machine[key].editable, machine[key].joined
                article = article_change(before, correction.prompt, language)
                if article is not None:
                    articles[role] = article
    return Changes(
        {old: correction.subject for old, correction in subjects.items()},
        {role: correction.target for role, correction in targets.items()},
        articles,
    )


def _contradiction(
    reviewed: Reviewed, one: Correction, other: Correction, name: str
) -> CorrectionsFileError:
    return CorrectionsFileError(
        f"{reviewed.place(other)}: the {name} is {getattr(other, name)!r} here and"
        f" {getattr(one, name)!r} in line {one.line}; in one fact it has one form"
    )


def _corrected(
    asked: Prompt, correction: Correction, old: str | None, language: Language
) -> RepairedPrompt:
    """A person's prompt and target, the subject as the person or else the machine has it."""
    subject = correction.subject or old
    rewrite = asked.prompt_type == "rewrite"
    prompt, template = correction.prompt, None
    if rewrite:
        # the person's template, with the elision that the subject asks for
        before, after = prompt.split("{}")
        if starts_sentence(prompt, len(before)):
            subject = subject[:1].upper() + subject[1:]
        before, subject = join_name(language, before, subject)
        template = before + "{}" + after
        prompt = template.replace("{}", subject)
    row = RepairedPrompt.of(
        asked,
        translation="",
        template=template,
        subject=subject if rewrite or occurrences(prompt, subject or "") else None,
        prompt=prompt,
        target=correction.target,
        plain_target=correction.target,
        joined=prompt.lower().endswith(language.elided_endings),
        flags=[REVIEWED],
    )
    return replace(row, translation=row.sentence)


def _following(
    asked: Prompt, row: RepairedPrompt, changes: Changes, language: Language
) -> RepairedPrompt:
    """A prompt with the fact's new forms of subject and target."""
    new = row
    for old, subject in changes.subjects.items():
        new = with_subject(new, old, subject, language)
    target = None if asked.has_own_answer else changes.targets.get(row.role)
    if target is not None:
        new = with_target(new, target, changes.articles.get(row.role), language)
    if (new.sentence, new.template) == (row.sentence, row.template):
        return new
    flags = new.flags if REVIEWED in row.flags else [*new.flags, FOLLOWS]
    return replace(new, flags=flags, translation=new.sentence)


def _without_lost(
    fact: dict,
    before: list[RepairedPrompt],
    after: list[RepairedPrompt],
    lost: list[Rejection],
    changed: dict[str, Correction],
    asked: dict[str, Prompt],
    reviewed: Reviewed,
    language: Language,
    least: LeastPrompts,
) -> tuple[list[RepairedPrompt], list[Rejection]]:
    """Prompts after correction, and as rejections what the next stage keeps without them only."""
    kept_before, _ = _agreed(fact, before, language, least)
    kept_after, faults = _agreed(fact, after, language, least)
    # dropped by a person, whichever of its targets the row names
    emptied = {
        _place(asked[key])[1:]: reviewed.place(c) for key, c in changed.items() if not c.prompt
    }
    gone = [row for row in before if _place(row)[1:] in emptied]
    lost = [*lost, *(_rejection(row, DROPPED, emptied[_place(row)[1:]]) for row in gone)]
    after = [row for row in after if _place(row)[1:] not in emptied]
    record = next((fault for fault in faults if fault.prompt_type == "record"), None)
    if kept_before and not kept_after:
        places = sorted({c.line for c in changed.values()})
        why = f"{record.reason}: {record.detail}" if record else "no prompt left"
        detail = f"{reviewed.path}: line {', '.join(map(str, places))}: {why}"
        reason = DROPPED if ("rewrite", 0) in emptied else LOST
        return [], [*lost, Rejection(fact["case_id"], STAGE, "record", reason, detail=detail)]
    mismatched = kept_before - kept_after - {row.prompt_id for row in gone}
    if kept_after and mismatched:
        first = min(changed.values(), key=lambda correction: correction.line)
        lost += [
            _rejection(row, LOST, f"{reviewed.place(first)}: {row.sentence}")
            for row in after
            if row.prompt_id in mismatched
        ]
        after = [row for row in after if row.prompt_id not in mismatched]
    return after, lost


def _agreed(
    fact: dict, rows: Iterable[RepairedPrompt], language: Language, least: LeastPrompts
) -> tuple[set[str], list[Rejection]]:
    """Ids of the prompts that the next stage would keep, and its rejections."""
    rows = list(map(vars, rows))
    if not rows:
        return set(), []
    kept, lost = agree_fact(rows, language, least.of(fact), fact["target_true"] is not None)
    return {row["prompt_id"] for row in kept}, lost


def _place(row: Prompt | RepairedPrompt | Rejection) -> tuple[str | None, str, int | None]:
    """Role, type and index of a prompt among those of its fact."""
    return row.role, row.prompt_type, row.index


def _rejection(row: RepairedPrompt, reason: str, detail: str) -> Rejection:
    return Rejection(row.case_id, STAGE, row.prompt_type, reason, row.index, row.role, detail)
