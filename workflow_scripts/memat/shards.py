"""How a long stage is cut into jobs: a shard holds whole groups of facts.

What runs in one batch is rounded alike. The same facts always share a group, and batches
never cross groups, so however a stage is cut, the results for a fact are the same to the last bit.
"""

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

Item = TypeVar("Item")


def n_shards(n_items: int, shard_size: int) -> int:
    """Jobs for `n_items` facts or tokens."""
    return ceil(n_items / shard_size)


def groups_of_shard(n_facts: int, shard: int, shard_size: int | None, together: int) -> list[slice]:
    """Facts of one shard of `shard_size` facts, as slices of at most `together` facts.

    shard_size: a multiple of `together` (see `memat.check`), or the shards would cut groups;
    None: all facts are one shard, the first.
    """
    start = shard * (shard_size or n_facts)
    end = min(start + (shard_size or n_facts), n_facts)
    return [slice(at, min(at + together, end)) for at in range(start, end, together)]


def share(groups: Sequence[Item], shard: int, shards: int) -> Sequence[Item]:
    """The groups of one of `shards` jobs where their number, not their size, is given."""
    return groups[len(groups) * shard // shards : len(groups) * (shard + 1) // shards]
