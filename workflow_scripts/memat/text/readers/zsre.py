"""zsre: JSON records of questions, with a rephrased one, a locality and answers (Levy et al. 2017).

Its fields are those of `memat.text.zsre_records`. A question is asked in the template of its
language; "nq question: " before a locality is no part of it.
"""

from collections.abc import Mapping
from pathlib import Path

from memat.progress import with_progress
from memat.text.questions import Questions, with_template
from memat.text.records import first_record, load_records
from memat.text.rejections import Rejection
from memat.text.zsre_records import looks_like_zsre, zsre_fact


class Zsre(Questions):
    """Questions; they are asked in a template."""


SETTINGS = {"facts": Zsre}
completed = with_template


def recognises(path: str | Path) -> bool:
    return looks_like_zsre(first_record(path))


def read(path: str | Path, own: Mapping) -> tuple[list[dict], list[Rejection]]:
    rows, rejections = [], []
    for where, record in with_progress(load_records(path, numbered=False), "facts read"):
        row, rejected = zsre_fact(where, record, own["question"]).row()
        rows += [row] if row else []
        rejections += rejected
    return rows, rejections
