"""Prompts with an answer of their own: neighbours of any kind, and questions one step away.

A neighbour's answer is the fact's true target unless it has one of its own. A portability
prompt asks what follows from the new fact, and always has its own.
"""

from collections.abc import Mapping

from memat.errors import FactError
from memat.text.edited import normalised
from memat.text.records import Where

ANSWERED_KEYS = ("prompt", "answer")


def answered_prompts(where: Where, value: object, field: str) -> list[tuple[str, str]]:
    """Pairs (prompt, answer) of a list of `{prompt, answer}`; none for nothing."""
    found = []
    for item, place in where.items(value, field):
        entry = where.mapping(item, place)
        where.known_keys(entry, ANSWERED_KEYS, place)
        found.append(tuple(where.text(entry.get(k), f"{place}.{k}") for k in ANSWERED_KEYS))
    return found


def answer_columns(where: Where, record: dict) -> dict[str, list]:
    """The columns of a record's prompts but for rewrite and paraphrases.

    Neighbours with an answer of their own (`neighborhood`) follow those without
    (`neighborhood_prompts`).
    """
    plain = where.prompts(record.get("neighborhood_prompts"), "neighborhood_prompts")
    own = answered_prompts(where, record.get("neighborhood"), "neighborhood")
    portability = answered_prompts(where, record.get("portability"), "portability")
    return {
        "neighborhood_prompts": [*plain, *(prompt for prompt, _ in own)],
        "neighborhood_answers": [*(None for _ in plain), *(answer for _, answer in own)],
        "portability_prompts": [prompt for prompt, _ in portability],
        "portability_answers": [answer for _, answer in portability],
    }


def with_answers(row: Mapping) -> dict:
    """A row of the facts table with the columns that a reader may leave out.

    An answer that is the fact's true target is none of the prompt's own.
    Raises FactError(case_id) where a list of answers is not as long as that of its prompts.
    """
    own = row.get("neighborhood_answers") or [None] * len(row["neighborhood_prompts"])
    complete = {
        **row,
        "neighborhood_answers": [
            None if answer == row["target_true"] else answer for answer in own
        ],
        "portability_prompts": row.get("portability_prompts") or [],
        "portability_answers": row.get("portability_answers") or [],
    }
    for name in ("neighborhood", "portability"):
        prompts, answers = (len(complete[f"{name}_{part}"]) for part in ("prompts", "answers"))
        if prompts != answers:
            raise FactError(
                f"case_id {row['case_id']}: {prompts} {name} prompts have {answers} answers"
            )
    return complete


def neighbour_answers(fact: Mapping) -> list[tuple[str | None, str | None]]:
    """Of each neighbour its answer, and why it cannot be used, one of them None.

    An answer is compared with the new target, so it must be known and another.
    """
    found = []
    for answer in fact.get("neighborhood_answers") or [None] * len(fact["neighborhood_prompts"]):
        answer = fact["target_true"] if answer is None else answer
        if answer is None:
            found.append((None, "no_true_target"))
        elif normalised(answer) == normalised(fact["target_new"]):
            found.append((None, "answer_is_new_target"))
        else:
            found.append((answer, None))
    return found
