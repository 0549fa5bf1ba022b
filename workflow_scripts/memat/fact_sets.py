"""Names of the sets of facts that one edit can hold.

A run reports on blocks `0`, `1`, …; `donor` is one more block, whose corrections are
recycled, and `tuning` one to search settings with. None shares a fact with another.
`0-first-50` is the first 50 facts of block 0, so that sizes of an edit are nested.
"""

DONOR, TUNING = "donor", "tuning"
PATTERN = rf"\d+(-first-\d+)?|{DONOR}|{TUNING}"


def first(block: str, n_facts: int) -> str:
    """The set of the first `n_facts` of a block."""
    return f"{block}-first-{n_facts}"


def whole_and_size(name: str) -> tuple[str, int | None]:
    """The whole set that `name` is part of, and how many of its facts it has (None: all)."""
    whole, found, size = name.partition("-first-")
    return whole, int(size) if found else None
