"""Whether an answer gives a target: both as words of their language.

Case and punctuation do not count, accents do. An article before the target or the answer does
not count, elided or not (el piano, l'orgue). A word that the target writes in lower case may
take another ending of its class (anglès, anglesa; piano, pianos), as the language's file lists
them; a word with a capital is a name and has one form. A language without such keys is matched
by its words alone. Nothing here knows what a sentence means: "not Paris" contains Paris.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from memat.text.gender import same_word
from memat.text.languages import Language

# scripts that put no blanks between words: there each character is a word
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff])")
CUT = "…"  # ends an answer that went on


@dataclass(frozen=True)
class Word:
    """A word in lower case, and whether it was written with a capital."""

    text: str
    capital: bool


def is_contained(answer: str, target: str, language: Language) -> bool:
    """Whether the target's words stand in the answer, one after the other.

    The last word of an answer that is cut (`CUT`) does not count: it may go on (Rom…, Romania).
    language: knows articles, elisions and inflections.
    """
    found, wanted = words_of(answer), without_article(words_of(target), language)
    if answer.endswith(CUT):
        found = found[:-1]
    starts = range(len(found) - len(wanted) + 1)
    return bool(wanted) and any(
        _equal(found[start : start + len(wanted)], wanted, language) for start in starts
    )


def is_exact(answer: str, target: str, language: Language) -> bool:
    """Whether the answer is the target and nothing else, articles before them aside."""
    found, wanted = (without_article(words_of(text), language) for text in (answer, target))
    return bool(wanted) and not answer.endswith(CUT) and _equal(found, wanted, language)


def words_of(text: str) -> list[Word]:
    """Words in order, cut at everything but letters, their marks and digits: l'orgue is two."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(c if is_of_word(c) else " " for c in text)
    words = _UNSPACED.sub(r" \1 ", kept).split()
    return [
        Word(unicodedata.normalize("NFC", word.casefold()), word[0].isupper()) for word in words
    ]


def is_of_word(character: str) -> bool:
    """Whether a character is a letter, a mark of one or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def without_article(words: Sequence[Word], language: Language) -> list[Word]:
    """The words without the articles they begin with; the last word stays."""
    articles = {article.casefold() for article in language.articles}
    elided = {short.casefold().strip("'’") for full, short in language.elisions if full in articles}
    start = 0
    while start < len(words) - 1 and words[start].text in articles | elided:
        start += 1
    return list(words[start:])


def _equal(found: Sequence[Word], wanted: Sequence[Word], language: Language) -> bool:
    return len(found) == len(wanted) and all(
        one.text == other.text or (not other.capital and same_word(one.text, other.text, language))
        for one, other in zip(found, wanted, strict=True)
    )
