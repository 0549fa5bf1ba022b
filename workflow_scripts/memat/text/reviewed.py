"""A person's corrections: a CSV made from the review table, applied on the next run."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from memat.csv_files import read_csv_rows
from memat.errors import CorrectionsFileError
from memat.text.sentences import KINDS, ROLES, Sentence

COLUMNS = ("case_id", "role", "kind", "index", "prompt", "target")
Key = tuple[int, str, str, int]


@dataclass(frozen=True)
class Correction:
    """The prompt and target a person decided on; an empty prompt drops the row.

    A rewrite's prompt has "{}" for the subject; the others have it filled in.
    """

    prompt: str
    target: str
    subject: str = ""


@dataclass(frozen=True)
class Reviewed:
    """Corrections by (case_id, role, kind, index)."""

    corrections: dict[Key, Correction]

    def of(self, sentence: Sentence) -> Correction | None:
        prompt = sentence.prompt
        return self.corrections.get((prompt.case_id, sentence.role, prompt.kind, prompt.index))


def read_corrections(path: str | Path, facts: pl.DataFrame) -> Reviewed:
    """The corrections of a file, checked against the facts they name.

    Raises CorrectionsFileError(file, line) for a row that names no prompt of the facts.
    """
    prompts = {
        row["case_id"]: {
            "rewrite": 1,
            "paraphrase": len(row["paraphrase_prompts"]),
            "neighborhood": len(row["neighborhood_prompts"]),
        }
        for row in facts.iter_rows(named=True)
    }
    corrections: dict[Key, Correction] = {}
    for line, row in read_csv_rows(path, COLUMNS, CorrectionsFileError):
        key, correction = _checked(f"{path}: line {line}", row, prompts)
        if key in corrections:
            raise CorrectionsFileError(f"{path}: line {line}: {key} is corrected twice")
        corrections[key] = correction
    return Reviewed(corrections)


def _checked(place: str, row: dict, prompts: dict[int, dict]) -> tuple[Key, Correction]:
    try:
        case_id, index = int(row["case_id"]), int(row["index"] or 0)
    except (TypeError, ValueError):
        raise CorrectionsFileError(
            f"{place}: case_id and index must be whole numbers, "
            f"found {row['case_id']!r} and {row['index']!r}"
        ) from None
    role, kind = row["role"], row["kind"]
    prompt, target = (row["prompt"] or "").strip(), (row["target"] or "").strip()
    for name, value, allowed in (("role", role, ROLES), ("kind", kind, KINDS)):
        if value not in allowed:
            raise CorrectionsFileError(
                f"{place}: {name} {value!r} is unknown; allowed: {', '.join(allowed)}"
            )
    if case_id not in prompts:
        raise CorrectionsFileError(f"{place}: case_id {case_id} is not among the facts")
    if not 0 <= index < prompts[case_id][kind]:
        count = prompts[case_id][kind]
        raise CorrectionsFileError(
            f"{place}: case_id {case_id} has {count} {kind} prompts, no index {index}"
        )
    if bool(prompt) != bool(target):
        raise CorrectionsFileError(f"{place}: prompt and target must both be given, or neither")
    holes = prompt.count("{}")
    if prompt and holes != (1 if kind == "rewrite" else 0):
        raise CorrectionsFileError(
            f"{place}: prompt must have {'exactly one' if kind == 'rewrite' else 'no'} '{{}}', "
            f"found {holes}"
        )
    return (case_id, role, kind, index), Correction(
        prompt, target, (row.get("subject") or "").strip()
    )
