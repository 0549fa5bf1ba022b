"""A person's corrections: rows of the review table, edited, read and checked.

The file may be the whole review table as a spreadsheet saves it: other columns, rows that
nobody changed, a byte order mark, and semicolons or tabs between the cells.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from memat.csv_files import SEPARATORS, read_csv_rows
from memat.errors import CorrectionsFileError
from memat.text.prompts import ANSWER, PROMPT_TYPES, ROLES, Prompt, prompt_id, prompts_of
from memat.text.repaired import RepairedPrompt
from memat.text.spans import occurrences, without_final_punctuation

COLUMNS = ("case_id", "role", "prompt_type", "index", "prompt", "target")
MOST_FAULTS = 30  # shown at once


@dataclass(frozen=True)
class Correction:
    """The prompt and target a person decided on; an empty prompt drops the row.

    A rewrite's prompt has "{}" for the subject; the others have it filled in.
    translation: the machine's sentence, where the file has that column. line: of the file.
    """

    prompt: str
    target: str
    subject: str = ""
    translation: str = ""
    line: int = 0

    def changes(self, row: RepairedPrompt | None) -> bool:
        """Whether it differs from what the machine wrote; None: the machine dropped the row."""
        if row is None or not self.prompt:
            return bool(self.prompt) or row is not None
        return (
            not _same(self.prompt, row.editable)
            or not _same(self.target, row.target)
            or self.new_subject(row.subject)
        )

    def new_subject(self, form: str | None) -> bool:
        """Whether it gives the subject another form than this one."""
        return bool(self.subject) and not _same(self.subject, form or "")


@dataclass(frozen=True)
class Reviewed:
    """Corrections of a file: for each fact (case_id) those of its prompts, by prompt_id."""

    path: str = ""
    by_fact: dict[int, dict[str, Correction]] = field(default_factory=dict)

    def place(self, correction: Correction) -> str:
        return f"{self.path}: line {correction.line}"


def read_corrections(path: str | Path, prompts: pl.DataFrame) -> Reviewed:
    """The corrections of a file, checked against the prompts they name.

    prompts: `memat.text.prompts.PROMPT_SCHEMA`. Raises CorrectionsFileError with all faults of the
    file, each with its line.
    """
    asked: dict[int, dict[str, Prompt]] = defaultdict(dict)
    for prompt in prompts_of(prompts):
        asked[prompt.case_id][prompt.prompt_id] = prompt
    by_fact: dict[int, dict[str, Correction]] = defaultdict(dict)
    faults = []
    for line, row in _rows(path):
        try:
            case_id, key, correction = _checked(line, row, asked)
            if first := by_fact[case_id].get(key):
                raise ValueError(f"the prompt of line {first.line} is corrected again")
            by_fact[case_id][key] = correction
        except ValueError as fault:
            faults.append((line, str(fault)))
    for case_id, corrections in by_fact.items():
        of_targets = [
            (asked[case_id][key].role, correction)
            for key, correction in corrections.items()
            if not asked[case_id][key].has_own_answer
        ]
        faults += _contradictions(of_targets)
    if faults:
        raise CorrectionsFileError(_message(path, sorted(faults)))
    return Reviewed(str(path), dict(by_fact))


def _rows(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines and rows of the file; rows without any content are left out."""
    for line, row in read_csv_rows(path, COLUMNS, CorrectionsFileError, SEPARATORS):
        cells = {name: text for name, text in row.items() if isinstance(text, str)}
        if any(text.strip() for text in cells.values()):
            yield line, cells


def _message(path: str | Path, faults: list[tuple[int, str]]) -> str:
    lines = [f"line {line}: {fault}" for line, fault in faults[:MOST_FAULTS]]
    if len(faults) == 1:
        return f"{path}: {lines[0]}"
    if len(faults) > MOST_FAULTS:
        lines.append(f"and {len(faults) - MOST_FAULTS} more")
    return f"{path}: {len(faults)} faults:\n" + "\n".join(f"  {line}" for line in lines)


def _checked(
    line: int, row: dict[str, str], asked: dict[int, dict[str, Prompt]]
) -> tuple[int, str, Correction]:
    """case_id, prompt_id and the correction. Raises ValueError(what is wrong)."""
    texts = {name: text.strip() for name, text in row.items()}
    try:
        case_id, index = int(texts.get("case_id", "")), int(texts.get("index") or 0)
    except ValueError:
        raise ValueError(
            "case_id and index must be whole numbers, "
            f"found {row.get('case_id')!r} and {row.get('index')!r}"
        ) from None
    role, prompt_type = texts.get("role", ""), texts.get("prompt_type", "")
    for name, value, allowed in (
        ("role", role, (*ROLES, ANSWER)),
        ("prompt_type", prompt_type, PROMPT_TYPES),
    ):
        if value not in allowed:
            raise ValueError(f"{name} {value!r} is unknown; allowed: {', '.join(allowed)}")
    key = prompt_id(case_id, role, prompt_type, index)
    of_fact = asked.get(case_id, {})
    if not of_fact:
        raise ValueError(f"case_id {case_id} is not among the facts")
    if key not in of_fact:
        count = sum((role, prompt_type) == (p.role, p.prompt_type) for p in of_fact.values())
        raise ValueError(
            f"case_id {case_id} has {count} {prompt_type} prompts, no index {index}, for {role}"
        )
    correction = Correction(
        texts.get("prompt", ""),
        without_final_punctuation(texts.get("target", "")),
        texts.get("subject", ""),
        texts.get("translation", ""),
        line,
    )
    _check_texts(prompt_type, correction)
    return case_id, key, correction


def _check_texts(prompt_type: str, correction: Correction) -> None:
    prompt, subject = correction.prompt, correction.subject
    if bool(prompt) != bool(correction.target):
        raise ValueError("prompt and target must both be given, or neither")
    holes = prompt.count("{}")
    if prompt and holes != (1 if prompt_type == "rewrite" else 0):
        wanted = "exactly one" if prompt_type == "rewrite" else "no"
        raise ValueError(f"prompt must have {wanted} '{{}}', found {holes}")
    if "{}" in subject:
        raise ValueError("the subject must have no '{}'")
    if prompt and subject and prompt_type != "rewrite" and not occurrences(prompt, subject):
        raise ValueError(
            f"the subject {subject!r} does not stand in the prompt {prompt!r};"
            " change it in both columns, or in none"
        )


def _contradictions(corrections: list[tuple[str, Correction]]) -> Iterator[tuple[int, str]]:
    """Prompts of one fact that want different forms of a target; each with its role.

    Rows that still say what the column `translation` says are the machine's.
    """
    for role in ROLES:
        wanted: dict[str, int] = {}
        for of_role, correction in corrections:
            if of_role == role and correction.prompt and not _as_translated(correction):
                wanted.setdefault(correction.target.lower(), correction.line)
        if len(wanted) > 1:
            forms = ", ".join(f"{form!r} (line {line})" for form, line in wanted.items())
            yield (
                max(wanted.values()),
                f"{role} has one form in all prompts of a fact; the file says {forms}",
            )


def _as_translated(correction: Correction) -> bool:
    prompt = correction.prompt.replace("{}", correction.subject)
    spaced, joined = f"{prompt} {correction.target}", f"{prompt}{correction.target}"
    translation = without_final_punctuation(correction.translation)
    return _same(spaced, translation) or _same(joined, translation)


def _same(one: str, other: str) -> bool:
    """Equal but for blanks, which spreadsheets change."""
    return one.split() == other.split()
