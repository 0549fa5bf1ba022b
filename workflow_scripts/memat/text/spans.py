"""Finding target and subject in a translated sentence, from the alignment of words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memat.text.languages import Language
from memat.text.words import words_of

FINAL_PUNCTUATION = ".!?…"


@dataclass(frozen=True)
class AlignedSentence:
    """A source sentence and its translation as words, with the aligned positions.

    Positions count words; `offsets` are the character spans of the translation's words.
    """

    source_words: tuple[str, ...]
    words: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]
    text: str

    @classmethod
    def of(
        cls,
        text: str,
        source_words: Sequence[str],
        words: Sequence[str],
        pairs: Iterable[tuple[int, int]],
    ) -> "AlignedSentence":
        offsets, cursor = [], 0
        for word in words:
            start = text.index(word, cursor)
            cursor = start + len(word)
            offsets.append((start, cursor))
        return cls(tuple(source_words), tuple(words), tuple(offsets), tuple(pairs), text)


def _last_word(words: Sequence[str]) -> int:
    """Position of the last word, final punctuation aside; -1 if there is none."""
    return max((i for i, word in enumerate(words) if word not in FINAL_PUNCTUATION), default=-1)


def is_article(word: str, language: Language) -> bool:
    """Whether a word is an article; a capital makes it part of a name (La Haia)."""
    return word.replace("’", "'") in (*language.articles, *language.elided_endings)


def target_start(sentence: AlignedSentence, target_words: int, language: Language) -> int | None:
    """Character offset of the target in the translation; None unless it stands at the end.

    The words aligned with the last `target_words` source words must reach the end of
    the sentence in one run; words in between that align with nothing belong to it.
    Articles before the target stay in the prompt.
    """
    last, source_last = _last_word(sentence.words), _last_word(sentence.source_words)
    of_target = range(source_last - target_words + 1, source_last + 1)
    aligned = {t for s, t in sentence.pairs if s in of_target and t <= last}
    others = {t for s, t in sentence.pairs if s not in of_target}
    if not aligned:
        return None
    first = min(aligned)
    if any(t in others and t not in aligned for t in range(first, last + 1)):
        return None
    while first < last and is_article(sentence.words[first], language):
        first += 1
    return sentence.offsets[first][0] if not is_article(sentence.words[first], language) else None


def without_final_punctuation(text: str) -> str:
    return text.rstrip().rstrip(FINAL_PUNCTUATION).rstrip()


def ends_with_word(text: str, form: str) -> int | None:
    """Offset of `form` if `text` (final punctuation aside) ends with it as whole words."""
    body = without_final_punctuation(text)
    form = without_final_punctuation(form)
    start = len(body) - len(form)
    if not form or start < 0 or body[start:].lower() != form.lower():
        return None
    return start if start == 0 or not body[start - 1].isalnum() else None


def occurrences(text: str, name: str) -> list[int]:
    """Offsets where `name` stands as whole words."""
    if not name:
        return []
    return [m.start() for m in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


def aligned_subject(sentence: AlignedSentence, subject: str, before: int) -> str | None:
    """The words of the translation aligned with the subject's, if they are one run.

    For translators that may have changed the name; only text before offset `before`
    (the target) is looked at.
    """
    places = _source_places(sentence, subject)
    found = sorted({t for s, t in sentence.pairs if s in places})
    found = [t for t in found if sentence.offsets[t][1] <= before]
    if not found or found[-1] - found[0] + 1 > 2 * len(found):
        return None
    return _text_between(sentence, found[0], found[-1])


def sure_subject(sentence: AlignedSentence, subject: str) -> str | None:
    """As `aligned_subject`, where nothing else tells the name: half of the subject's words must
    be aligned, and the run of their words holds none of another source word, and no sign."""
    places = _source_places(sentence, subject)
    pairs = [(s, t) for s, t in sentence.pairs if s in places]
    found = {t for _, t in pairs}
    if not found or 2 * len({s for s, _ in pairs}) < len(places):
        return None
    others = {t for s, t in sentence.pairs if s not in places} - found
    run = range(min(found), max(found) + 1)
    if any(t in others or not sentence.words[t][0].isalnum() for t in run):
        return None
    return _text_between(sentence, run[0], run[-1])


def _source_places(sentence: AlignedSentence, subject: str) -> range:
    """Where the subject's words stand first in the source; an empty range where they do not."""
    wanted, source = words_of(subject), sentence.source_words
    for start in range(len(source) - len(wanted) + 1):
        if list(source[start : start + len(wanted)]) == wanted:
            return range(start, start + len(wanted))
    return range(0)


def _text_between(sentence: AlignedSentence, first: int, last: int) -> str:
    """The text from one word to another."""
    return sentence.text[sentence.offsets[first][0] : sentence.offsets[last][1]]
