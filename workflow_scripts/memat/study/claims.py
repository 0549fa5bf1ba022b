"""Claims of a study: which rows each compares, planned before anything is measured.

What a claim says of the numbers is `memat.report.claims`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memat.study.rows import ALLOWED_KEYS, PLACE_KEYS, Defaults, Row, expanded, made_row, resolved


@dataclass(frozen=True)
class Comparison:
    """A row minus the same row with other keys, in some evaluation languages."""

    row: Row
    baseline: Row
    asked_in: tuple[str, ...]


@dataclass(frozen=True)
class PlannedClaim:
    """What is claimed, where it stands in a paper, and what it rests on.

    evidence: paired (`comparisons`), transfer or peaks (of the reports `of`). Every difference
    of `metrics` is claimed to lie above `above` points; any_of: one of them is enough.
    """

    text: str
    place: str
    evidence: str
    of: list[str]
    metrics: list[str]
    above: float
    any_of: bool
    comparisons: tuple[Comparison, ...]

    def described(self) -> dict:
        """Plain values; comparisons as names of rows with their evaluation languages."""
        comparisons = [
            {"row": c.row.name, "baseline": c.baseline.name, "asked_in": list(c.asked_in)}
            for c in self.comparisons
        ]
        return vars(self) | {"comparisons": comparisons}


def planned_claim(spec: dict, axes: dict[str, list], defaults: Defaults) -> PlannedClaim:
    """A claim of the config (`study.claims`)."""
    told = {key: spec[key] for key in ("text", "place", "evidence", "of", "metrics")}
    comparisons = tuple(_comparisons(spec, axes, defaults))
    return PlannedClaim(**told, above=spec["above"], any_of=spec["any_of"], comparisons=comparisons)


def claimed_rows(claims: Sequence[PlannedClaim]) -> tuple[Row, ...]:
    """Every row that a claim compares, once."""
    pairs = (pair for claim in claims for pair in claim.comparisons)
    rows = (row for pair in pairs for row in (pair.row, pair.baseline))
    return tuple({row.name: row for row in rows}.values())


def _comparisons(spec: dict, axes: dict, defaults: Defaults) -> Iterator[Comparison]:
    for grid in spec["rows"]:
        for line in expanded(grid, axes):
            row = made_row(line, defaults)
            baseline = made_row(changed(line, spec["against"] or {}), defaults)
            yield Comparison(row, baseline, asked_languages(spec["asked_in"], line, defaults))


def changed(line: dict, keys: dict) -> dict:
    """The line with other keys, without those that its method does not take."""
    both = {**line, **keys}
    allowed = (*PLACE_KEYS, *ALLOWED_KEYS[both["method"]])
    return {key: value for key, value in both.items() if key in allowed}


def asked_languages(which: str, line: dict, defaults: Defaults) -> tuple[str, ...]:
    """Evaluation languages of a comparison: all, those (not) edited in, or that of the heads."""
    row = resolved(line, defaults)
    if which == "heads":
        return (row["heads"],)
    if which == "all":
        return defaults.languages
    trained = row.get("train", ())
    return tuple(c for c in defaults.languages if (c in trained) == (which == "trained"))
