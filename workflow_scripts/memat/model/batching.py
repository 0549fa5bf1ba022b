"""Rows of token ids in batches of similar length, sized by a memory budget."""

import logging
from collections.abc import Callable, Iterator, Sequence

import torch

log = logging.getLogger("memat")


def length_batches(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Row numbers in batches of at most `token_budget` padded tokens, rows of like length together.

    A row longer than the budget gets a batch of its own. The order is fixed by the
    lengths and the row numbers, so the same rows always meet.
    """
    batches: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda r: (lengths[r], r)):
        longest = max(longest, lengths[row])
        if batches and (len(batches[-1]) + 1) * lengths[row] <= token_budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def pad(
    rows: Sequence[Sequence[int]], device: str | torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids and attention mask, both (n_rows, longest), int64."""
    width = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[number, : len(row)] = 1
    return ids.to(device), mask.to(device)


def run_halving(batch: list[int], work: Callable[[list[int]], None]) -> None:
    """Do `work` on a batch of row numbers; on out-of-memory do its halves instead, and say so."""
    for part in _parts_that_fit(batch, work):
        log.warning("out of memory with %d rows: going on with halves", len(part))


def _parts_that_fit(batch: list[int], work: Callable[[list[int]], None]) -> Iterator[list[int]]:
    pending = [batch]
    while pending:
        part = pending.pop()
        try:
            work(part)
        except (torch.OutOfMemoryError, MemoryError):
            if len(part) == 1:
                raise
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            yield part
            middle = len(part) // 2
            pending += [part[middle:], part[:middle]]
