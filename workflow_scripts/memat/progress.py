"""A line of progress for loops that are short for most users and long for some."""

from collections.abc import Iterable

from tqdm import tqdm

PATIENCE = 3  # seconds without a word


def with_progress(items: Iterable, what: str, total: int | None = None) -> Iterable:
    """The items; from `PATIENCE` seconds on, a line says how many are done."""
    return tqdm(items, desc=what, total=total, delay=PATIENCE, mininterval=1)
