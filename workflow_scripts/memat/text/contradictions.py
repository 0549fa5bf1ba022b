"""Facts that say two things of one subject, say one thing twice, or edit another's neighbour.

Of two facts with the same relation and subject a model can learn one. Which of them is meant
only the author of the facts knows, so such a file is refused, unless the first may stand. A
fact that only repeats an earlier one is dropped, as it would count twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from memat.errors import FactError
from memat.progress import with_progress
from memat.text.edited import EditedFacts, normalised
from memat.text.own_answers import neighbour_answers
from memat.text.rejections import READING, Rejection
from memat.text.sentences import SubjectFinder

REFUSE = "refuse"
CONTRADICTS, REPEATS = "contradicts_earlier_fact", "repeats_earlier_fact"
SHOWN = 3  # examples in a message


@dataclass(frozen=True)
class Clash:
    """Two rows (`position` and `FACT_SCHEMA`) on one relation and subject, in file order."""

    first: dict
    second: dict

    @property
    def repeats(self) -> bool:
        """Whether both want the same new target."""
        new, other = (normalised(row["target_new"]) for row in (self.first, self.second))
        return new == other

    @property
    def rejection(self) -> Rejection:
        """The second of the two as a rejected record."""
        reason = REPEATS if self.repeats else CONTRADICTS
        detail = f"{name_of(self.first)} makes it {self.first['target_new']!r}"
        return Rejection(self.second["case_id"], READING, "record", reason, detail=detail)

    def __str__(self) -> str:
        first, second = self.first, self.second
        return (
            f"{name_of(first)} and {name_of(second)} make relation {first['relation_id']!r} of"
            f" {first['subject']!r} {first['target_new']!r} and {second['target_new']!r}"
        )


def name_of(row: dict) -> str:
    """Where a fact stands in its file."""
    return f"record {row['position']} (case_id {row['case_id']})"


def clashes(rows: Iterable[dict]) -> Iterator[Clash]:
    """Each row that has the relation and subject of an earlier one, with the first of these."""
    first_seen: dict[tuple[str, str], dict] = {}
    for row in rows:
        first = first_seen.setdefault((row["relation_id"], normalised(row["subject"])), row)
        if first is not row:
            yield Clash(first, row)


def require_consistent(found: Iterable[Clash], path: str | Path) -> None:
    """Raise FactError(both records) if two facts want different targets for one subject."""
    contradictory = [clash for clash in found if not clash.repeats]
    if contradictory:
        raise FactError(
            f"{path}: {len(contradictory)} contradictory facts: {examples(contradictory)};"
            " leave out one of each, or let facts.contradictions: drop keep the first"
        )


def examples(items: list) -> str:
    """The first few of a list, and how many more there are."""
    more = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return "; ".join(map(str, items[:SHOWN])) + more


def edited_by_others(facts: pl.DataFrame) -> list[str]:
    """Each neighbour prompt that another fact of the same split makes false, with both records.

    facts: `FACT_SCHEMA` and position.
    """
    asking = facts.filter(pl.col("neighborhood_prompts").list.len() > 0)
    if asking.is_empty():
        return []
    finder, by_case = SubjectFinder.of(facts), {}
    edited: dict[str, EditedFacts] = defaultdict(EditedFacts)
    for row in facts.iter_rows(named=True):
        by_case[row["case_id"]] = row
        prompt = row["prompt"].replace("{}", row["subject"])
        edited[row["split"]].add(row["case_id"], row["relation_id"], row["subject"], prompt)

    @cache  # facts of one relation share many neighbours
    def editing(split: str, relation: str, prompt: str, own_answer: bool) -> int | None:
        span = finder.neighbour_subject(relation, prompt)
        subject = prompt[slice(*span)] if span else None
        return edited[split].editing(relation, prompt, subject, own_answer)

    found = []
    for row in with_progress(asking.iter_rows(named=True), "neighbours checked", asking.height):
        listed = zip(row["neighborhood_prompts"], row["neighborhood_answers"], strict=True)
        for (prompt, own), (answer, _) in zip(listed, neighbour_answers(row), strict=True):
            if answer is None:
                continue  # rejected where the facts are read
            case_id = editing(row["split"], row["relation_id"], prompt, own is not None)
            if case_id is not None:
                other = by_case[case_id]
                found.append(
                    f"{prompt!r} of {name_of(row)} is {other['target_new']!r} in {name_of(other)}"
                )
    return found
