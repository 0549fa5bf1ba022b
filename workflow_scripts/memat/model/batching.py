"""Rows of token ids in batches of similar length, sized by a memory budget."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch.nn.utils.rnn import pad_sequence

log = logging.getLogger("memat")

Batch = TypeVar("Batch")
Row = TypeVar("Row")


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
    tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
    ids = pad_sequence(tensors, batch_first=True)
    mask = pad_sequence([torch.ones_like(row) for row in tensors], batch_first=True)
    return ids.to(device), mask.to(device)


def run_halving(
    batch: Batch,
    work: Callable[[Batch], None],
    halve: Callable[[Batch], tuple[Batch, ...] | None],
) -> list[Batch]:
    """Do `work` on a batch; on out-of-memory do its halves instead, and say so.

    Returns the batches that fitted. Raises the out-of-memory error where `halve` gives None.
    """
    pending, done = [batch], []
    while pending:
        part = pending.pop()
        try:
            work(part)
        except (torch.OutOfMemoryError, MemoryError):
            halves = halve(part)
            if halves is None:
                raise
            log.warning("out of memory: going on with half batches")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            pending += reversed(halves)
        else:
            done.append(part)
    return done


def halve_rows(rows: list[Row]) -> tuple[list[Row], list[Row]] | None:
    """Both halves of a list of rows, or of their numbers; None if it holds one."""
    middle = len(rows) // 2
    return (rows[:middle], rows[middle:]) if middle else None
