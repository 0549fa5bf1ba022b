"""Facts in: reading, checking and splitting the source of a dataset.

Every format (`memat.text.readers`) gives the same table, `FACT_SCHEMA`.

Problems of a whole file and breaks of its schema are a `FactError` that names
file, record and field. Well-formed content that cannot be used is a row of the
rejected table, with a reason.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from memat.errors import FactError
from memat.text.contradictions import REFUSE, clashes, require_consistent
from memat.text.own_answers import neighbour_answers
from memat.text.reader import NO_SETTINGS, read_format
from memat.text.records import load_json
from memat.text.rejections import FACT, READING, Rejection, rejected_table

FACT_SCHEMA = {
    "case_id": pl.Int64,
    "relation_id": pl.String,
    "split": pl.String,
    "subject": pl.String,
    "prompt": pl.String,
    "target_new": pl.String,
    "target_true": pl.String,
    "paraphrase_prompts": pl.List(pl.String),
    "neighborhood_prompts": pl.List(pl.String),
    # parallel to the prompts; null: the answer is the fact's true target
    "neighborhood_answers": pl.List(pl.String),
    "portability_prompts": pl.List(pl.String),
    "portability_answers": pl.List(pl.String),
}
CASE_ID = re.compile(r"(?:rome_)?-?[0-9]{1,19}")


def read_ids(path: str | Path) -> set[int]:
    """Case ids of a text file (one a line, `#` comments, `rome_12` allowed) or a JSON list."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FactError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    if text.lstrip().startswith("["):
        items = [(f"item {i}", str(item)) for i, item in enumerate(load_json(path), 1)]
    else:
        lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
        items = [(f"line {i}", line) for i, line in enumerate(lines, 1) if line]
    ids = set()
    for place, item in items:
        if not CASE_ID.fullmatch(item):
            raise FactError(f"{path}: {place}: must be a case id, found {item!r}")
        ids.add(int(item.removeprefix("rome_")))
    return ids


def read_facts(
    path: str | Path, file_format: str = "counterfact", **choice
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Facts (`FACT_SCHEMA`, file order) and rejected rows of a source; choice: `choose_facts`."""
    facts, rejections = choose_facts(path, file_format, **choice)
    return pl.DataFrame(facts, schema=FACT_SCHEMA), rejected_table(rejections)


def choose_facts(
    path: str | Path,
    file_format: str,
    own: Mapping = NO_SETTINGS,
    keep_ids: str | Path | None = None,
    tuning_ids: str | Path | None = None,
    contradictions: str = REFUSE,
) -> tuple[list[dict], list[Rejection]]:
    """Rows of `FACT_SCHEMA`, each with its `position` in the file (the first is 1), and what is rejected.

    own: settings of the format. keep_ids: a purified list; other records are rejected.
    tuning_ids: these records get the split "tuning", all others "report". contradictions:
    "refuse" facts that contradict an earlier one (FactError), or "drop" them.
    """
    rows, rejections = read_format(path, file_format, own)
    known = {row["case_id"] for row in rows} | {r.case_id for r in rejections}
    keep = known if keep_ids is None else read_ids(keep_ids)
    if not keep & known:
        raise FactError(f"{keep_ids}: none of its {len(keep)} ids is in {path}")
    tuning = set() if tuning_ids is None else read_ids(tuning_ids)
    if unknown := tuning - known:
        raise FactError(f"{tuning_ids}: case id {min(unknown)} is not in {path}")
    kept = [
        {"position": position, **row, "split": "tuning" if row["case_id"] in tuning else "report"}
        for position, row in enumerate(rows, 1)
        if row["case_id"] in keep
    ]
    found = list(clashes(kept))
    if contradictions == REFUSE:
        require_consistent(found, path)
    rejections += [
        Rejection(row["case_id"], READING, "record", "not_in_keep_ids")
        for row in rows
        if row["case_id"] not in keep
    ]
    rejections += [clash.rejection for clash in found]
    dropped = {rejection.case_id for rejection in rejections if rejection.prompt_type == FACT}
    facts = [row for row in kept if row["case_id"] not in dropped]
    for row in facts:
        rejections += _unusable_prompts(row)
    return facts, rejections


def _unusable_prompts(row: dict) -> Iterable[Rejection]:
    """Paraphrases that do not name the subject ask for something else; neighbours need an answer
    that is not the new target."""
    for index, prompt in enumerate(row["paraphrase_prompts"]):
        if row["subject"] not in prompt:
            place = (row["case_id"], READING, "paraphrase", "subject_not_in_prompt", index)
            yield Rejection(*place, detail=prompt)
    answered = zip(row["neighborhood_prompts"], neighbour_answers(row), strict=True)
    for index, (prompt, (_, reason)) in enumerate(answered):
        if reason:
            place = (row["case_id"], READING, "neighborhood", reason, index)
            yield Rejection(*place, "target_true", prompt)
