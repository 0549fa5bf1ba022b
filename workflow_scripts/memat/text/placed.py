"""Where the subject of a record stands in a prompt that somebody else wrote.

It need not stand there letter by letter: it may be written with other capitals or signs. A
language written without blanks puts other letters beside it.
"""

import unicodedata
from dataclasses import dataclass

UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
ALIKE = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})
NOT_FOUND, AMBIGUOUS = "subject_not_found", "subject_ambiguous"


@dataclass(frozen=True)
class Placed:
    """A prompt with "{}" for its subject, as that is written there; or why there is none."""

    template: str | None = None
    subject: str | None = None
    reason: str | None = None


def place_subject(prompt: str, subject: str) -> Placed:
    """The subject letter by letter, else in its normalised form (case, width, quotes, dashes)."""
    spans = _spans(prompt, subject, [(i, i + 1) for i in range(len(prompt))])
    if not spans:
        text, places = _folded(prompt)
        spans = _spans(text, _folded(subject)[0], places)
    if len(spans) != 1:
        return Placed(reason=AMBIGUOUS if spans else NOT_FOUND)
    (start, end), *_ = spans
    return Placed(f"{prompt[:start]}{{}}{prompt[end:]}", prompt[start:end])


def _spans(text: str, name: str, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of a name as whole words; places: of each character of `text` its span in the prompt."""
    found, start = [], text.find(name) if name else -1
    while start >= 0:
        end = start + len(name)
        if not (_inside_word(text, start) or _inside_word(text, end)):
            found.append((places[start][0], places[end - 1][1]))
        start = text.find(name, start + 1)
    return found


def _inside_word(text: str, at: int) -> bool:
    """Whether a word goes on across this offset."""
    around = text[max(at - 1, 0) : at + 1] if 0 < at < len(text) else ""
    return len(around) == 2 and all(
        c.isalnum() and not unicodedata.name(c, "").startswith(UNSPACED) for c in around
    )


def _folded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The normalised text, and of each of its characters the span it comes from."""
    characters, places = [], []
    for at, character in enumerate(text.translate(ALIKE)):
        folded = unicodedata.normalize("NFKC", character).casefold()
        characters.append(folded)
        places += [(at, at + 1)] * len(folded)
    return "".join(characters), places
