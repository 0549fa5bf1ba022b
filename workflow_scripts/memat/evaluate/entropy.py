"""N-gram entropy of what a model writes: low where it repeats itself.

H_n = −Σ_g f(g) log₂ f(g), where f(g) is the share of an n-gram g among those of one text (Zhang et
al. 2018); a text's entropy is H₂/3 + 2·H₃/3, as the generation entropy of ROME and MEMIT (Meng et al.
2022) weights them.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from math import log2

from memat.evaluate.matching import CUT, is_of_word, words_of

WEIGHTS = {2: 1 / 3, 3: 2 / 3}  # length of the n-grams → weight of their entropy


def text_entropy(text: str) -> float | None:
    """Weighted entropy of one text, in bits: from 0 (one n-gram over and over) to the logarithm of
    their number. None for a text of fewer than three tokens, which has no 3-gram."""
    tokens = tokens_of(text)
    if len(tokens) < max(WEIGHTS):
        return None
    return sum(weight * ngram_entropy(tokens, n) for n, weight in WEIGHTS.items())


def tokens_of(text: str) -> list[str]:
    """Words in lower case, as answers are matched by, and each mark between them.

    The mark of an answer that is cut (`CUT` after a blank) is none of the model's.
    """
    found = []
    for part in unicodedata.normalize("NFC", text.removesuffix(f" {CUT}")).split():
        for is_word, characters in groupby(part, is_of_word):
            run = "".join(characters)
            found += [word.text for word in words_of(run)] if is_word else run
    return found


def ngram_entropy(tokens: Sequence[str], n: int) -> float:
    """H_n of at least n tokens, in bits."""
    counts = Counter(zip(*(tokens[start:] for start in range(n)), strict=False))
    total = counts.total()
    return -sum(count / total * log2(count / total) for count in counts.values()) + 0.0
