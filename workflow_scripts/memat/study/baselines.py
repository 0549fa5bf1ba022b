"""Which rows of a report are compared: a difference is paired on the facts both have."""

from collections.abc import Sequence
from dataclasses import replace

from memat.edit import solver as solvers
from memat.study.models import IN_CONTEXT, JOINT, STACKED, SUM
from memat.study.rows import Row

COMPARED = ((SUM, JOINT), (STACKED, SUM), (STACKED, JOINT))  # ways to combine languages


def with_baselines(rows: Sequence[Row]) -> list[Row]:
    """The rows with the names of those each is compared with, in the order of the report.

    Every row − unedited; an edit, with corrections or without, − in_context in its languages;
    another solver − the default one of the same languages; in steps − all facts at once, and
    without the term of earlier keys − with it; with protected subjects − without; with
    transported keys, or taught values − without; an edit in several languages − that in each alone;
    the sum of several languages' deltas − one joint delta; their values stacked in one solve − the
    sum, and − one joint delta; memat or iti (located or random) − the same edit without corrections; random
    heads − located heads of the same edit, language, number and strength; recycled corrections −
    those of the same facts. Rows on other facts are not compared.
    """
    return [
        replace(row, baselines=tuple(other.name for other in rows if _is_baseline(row, other)))
        for row in rows
    ]


def _is_baseline(row: Row, other: Row) -> bool:
    if row.facts != other.facts:
        return False
    one, two = row.model, other.model
    if other.spec["method"] == "unedited":
        return row.spec["method"] != "unedited"
    if one.context or row.spec["method"] == "unedited":
        return False
    if two.context:
        return one.languages == two.languages and two.context.method == IN_CONTEXT
    if row.spec["method"] == "memit":
        return other.spec["method"] == "memit" and _simpler_edit(one.edits[0], two.edits[0])
    if not one.corrections or one.edits != two.edits:
        return False
    if not two.corrections:
        return True
    mine, theirs = one.corrections[0], two.corrections[0]
    if replace(mine, select=theirs.select) != theirs:
        return False
    fresh = (one.recycled, two.recycled) == (True, False) and mine.select == theirs.select
    located = (mine.select, theirs.select) == ("random", "located")
    return fresh or (located and one.recycled == two.recycled)


def _simpler_edit(one, two) -> bool:
    if replace(one, solver=two.solver) == two:
        return two.solver == solvers.DEFAULT != one.solver
    if one.step_size is not None:
        if replace(one, step_size=None, keep_earlier=True) == two:
            return True
        return not one.keep_earlier and replace(one, keep_earlier=True) == two
    if replace(one, protected=two.protected) == two:
        return one.protected
    if replace(one, transport=()) == two:
        return bool(one.transport)
    if replace(one, taught=()) == two:
        return bool(one.taught)
    if len(two.languages) == 1 and replace(one, languages=two.languages, combine=None) == two:
        return two.languages[0] in one.languages
    return replace(one, combine=two.combine) == two and (one.combine, two.combine) in COMPARED
