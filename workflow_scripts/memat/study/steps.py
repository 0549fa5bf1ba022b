"""Edits in steps: how many facts a step takes, and the models after some of the steps.

A model after k steps of b facts is a row of its own: an edit in steps of b whose set of facts are
the first k·b of the block (`memat.fact_sets.first`). So rows share every step that they have in
common, and each is scored like any other.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, takewhile

from memat.fact_sets import TUNING


def facts_edited(row: Mapping, block_size: int | None, tuning_size: int) -> int | None:
    """How many facts of a set the model of a row holds; None: as many as translation leaves."""
    if row.get("facts") == TUNING:
        return tuning_size
    return row.get("first", block_size)


def step_size(n_facts: int, steps: int) -> int:
    """Facts of each step, rounded up: the last may have fewer, or be unnecessary."""
    return -(-n_facts // steps)


def step_bounds(n_facts: int, size: int) -> list[tuple[int, int]]:
    """Numbers of the first fact of each step and of the one behind its last."""
    return [(start, min(start + size, n_facts)) for start in range(0, n_facts, size)]


def usual_steps(n_steps: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, … as far as there are steps, and the last one."""
    powers = (factor * 10**power for power in count() for factor in (1, 2, 5))
    return [*takewhile(lambda number: number < n_steps, powers), n_steps]


def sequence_lines(
    lines: Sequence[dict], after: Sequence[int] | None, block_size: int
) -> Iterator[dict]:
    """The rows of a report of kind `sequence`, from lines as they are written.

    A line with `steps` becomes the model after each step of `after` (None: `usual_steps`), with
    `step_size` in its place. A line without is the same edit of all those facts at once, at each
    of these numbers of facts. x is the number of facts, one without an edit has none.
    """
    sizes, ends = {}, {}
    for place, line in enumerate(lines):
        if "steps" in line:
            n_facts = line.get("first", block_size)
            sizes[place] = step_size(n_facts, line["steps"])
            ends[place] = _ends(n_facts, sizes[place], after)
    everywhere = sorted({end for own in ends.values() for end in own})
    for place, line in enumerate(lines):
        if "train" not in line:
            yield line
            continue
        own = {key: value for key, value in line.items() if key not in ("steps", "name")}
        if place in sizes:
            own["step_size"] = sizes[place]
        own["series"] = _series(line, sizes.get(place))
        for end in ends.get(place, everywhere):
            named = {"name": f"{line['name']}_{end}"} if "name" in line else {}
            yield own | named | {"first": end, "x": float(end)}


def _ends(n_facts: int, size: int, after: Sequence[int] | None) -> list[int]:
    """Numbers of facts that are in the model after the steps asked for, as far as there are any."""
    bounds = step_bounds(n_facts, size)
    chosen = usual_steps(len(bounds)) if after is None else sorted(set(after))
    return [bounds[number - 1][1] for number in chosen if number <= len(bounds)]


def _series(line: Mapping, size: int | None) -> str:
    """The curve of a line: as it says, or solver, languages and facts a step."""
    if "series" in line or "name" in line:
        return line.get("series") or line["name"]
    # a word for a language becomes its code where the row is placed
    train = "{train}" if isinstance(line["train"], str) else "+".join(line["train"])
    how = "at once" if size is None else f"by {size}"
    free = "" if line.get("keep_earlier", True) else ", earlier keys free"
    return f"{line.get('solver', line['method'])} {train} {how}{free}"
