"""Which jobs go first, as priorities of Snakemake: what most of the results table waits for."""

from collections.abc import Iterable, Mapping, Sequence

from memat.study.rows import Row

NOW, CORRECTED, EDITED, SCORED, LATER = 4, 3, 2, 1, 0


def first_rows(rows: Sequence[Row]) -> list[Row]:
    """The unedited model and the first edit: what a long run shows before its table."""
    found = {row.spec["method"]: row for row in reversed(rows)}
    return [found[method] for method in ("unedited", "memit") if method in found]


class Urgency:
    """Priorities of the jobs on values, edits, heads and scores, by their wildcards.

    First go the first rows of the table, as what every edit waits for (`NOW`). Then what has most
    stages to go: edits of the table whose heads are corrected, and these heads; its other edits; its
    scores. What only other reports wait for comes last.
    """

    def __init__(self, table: Sequence[Row]) -> None:
        first = first_rows(table)
        self._first = _edits(first) | _scores(first)
        self._corrected = _edits(row for row in table if row.model.corrections)
        self._edited, self._scored = _edits(table), _scores(table)

    def of(self, wildcards: Mapping[str, str]) -> int:
        """The priority of a job on `values`, an `edit` or an `edited` model."""
        job = set(wildcards.items())
        waited_for = {NOW: self._first, CORRECTED: self._corrected}
        waited_for |= {EDITED: self._edited, SCORED: self._scored}
        return next((rank for rank, jobs in waited_for.items() if job & jobs), LATER)

    def of_heads(self, wildcards: Mapping[str, str]) -> int:
        """The priority of a job on the heads of an `edit`."""
        return CORRECTED if ("edit", wildcards["edit"]) in self._corrected else LATER


def _edits(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """Wildcards, by name and value, of the jobs that find values and deltas of these models."""
    parts = [part for row in rows for edit in row.model.edits for part in edit.parts]
    values = [values for part in parts for values in part.values]
    return {("edit", part.id) for part in parts} | {("values", one.id) for one in values}


def _scores(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """The same of the jobs that score them."""
    return {("edited", row.model.id) for row in rows}
