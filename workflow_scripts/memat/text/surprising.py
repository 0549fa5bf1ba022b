"""Which translations surprise a language model more than others like them do.

How surprising a sentence is depends on its names and on its wording, good or bad, so a sentence is
compared with others of its wording, or of its relation.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from statistics import median

LEAST = 8  # sentences that one is compared with, itself among them; of fewer nothing is said
SIGMA = 1.4826  # standard deviation of a normal distribution whose MAD is 1


def robust_z(
    surprisals: Mapping[str, float], groups: Mapping[str, Sequence[Hashable]]
) -> dict[str, float | None]:
    """How many robust standard deviations each sentence lies above the median of its group.

    surprisals: sentence → nats per token. groups: sentence → what it is like, the narrowest
    first; the first of them with `LEAST` sentences counts. z = (x - median) / (1.4826 MAD), the
    median and the median absolute deviation over the distinct sentences of the group; None where
    every group has fewer, or half of it is equally surprising.
    """
    members: dict[Hashable, list[float]] = defaultdict(list)
    for sentence, value in surprisals.items():
        for group in dict.fromkeys(groups[sentence]):
            members[group].append(value)
    centre = {group: median(values) for group, values in members.items()}
    spread = {
        group: SIGMA * median(abs(value - centre[group]) for value in values)
        for group, values in members.items()
    }
    found: dict[str, float | None] = {}
    for sentence, value in surprisals.items():
        large = [group for group in groups[sentence] if len(members[group]) >= LEAST]
        known = bool(large) and spread[large[0]] > 0
        found[sentence] = (value - centre[large[0]]) / spread[large[0]] if known else None
    return found
