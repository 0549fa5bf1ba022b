"""zsre: JSON records of questions, with a rephrased one, a locality and answers (Levy et al. 2017).

Its fields are those of `memat.text.asked_facts.zsre_fact`. A question is asked in the template of its
language; "nq question: " before a locality is no part of it.
"""

from collections.abc import Mapping
from pathlib import Path

from memat.text.asked_facts import looks_like_zsre, read_asked, zsre_fact
from memat.text.questions import Questions, with_template
from memat.text.records import first_record
from memat.text.rejections import Rejection


class Zsre(Questions):
    """Questions; they are asked in a template."""


SETTINGS = {"facts": Zsre}
completed = with_template


def recognises(path: str | Path) -> bool:
    return looks_like_zsre(first_record(path))


def read(path: str | Path, own: Mapping) -> tuple[list[dict], list[Rejection]]:
    return read_asked(path, lambda where, record: zsre_fact(where, record, own["question"]))
