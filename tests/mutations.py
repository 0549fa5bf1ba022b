"""Realistic damage to documents and files, and how a reader must answer: for the fuzz tests.

A case is a real document with one to three damaged places, then its bytes, sometimes
damaged too. It must be accepted, or refused with one of our errors that names the place.
"""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from random import Random

from hypothesis import strategies as st

from memat.errors import MematError

# what people and programs really leave in such files
NUMBERS = (0, 1, -1, 2, 1.0, 2.5, -0.0, 1e308, 2**31, 2**63, -(2**63), 10**30, 10**400)
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))
TEXTS = (
    *("", " ", "\n", "\x00", "a\x00b", "a\nb", "\t", "\x1f", "\x85", "\u2028", "\ufeff", "\u202e"),
    *("\ud800", "a\udc00", "😀", "e\u0301", "Ł", "l'", "d’", "'", '"', ",", ";", "\\", "a\rb"),
    *("{}", "{", "}", "{0}", "{} {}", "{name}", "%s", "$x", "null", "true", "nan", "1", "1.0"),
    *("-", "--5", "1_0", "٣", "9" * 20, "9" * 5000, "\\9", "(", "[a", "2020-13-45"),
    *(".", "...", "a.", "..", "/", "x" * 300, "x" * 5000, "Maria", "Oslo", "en", "ca", "both"),
)
NESTED = ([], {}, [[]], [None], [["a"]], [1, "a"], {"str": []}, {"": 1}, {"str": {"str": "a"}})
ODD = (None, True, False, *NUMBERS, *NOT_FINITE, *TEXTS, *NESTED)
BYTES = (b"", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"', b",", b"\r", b"\n")
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-7")


def _places(document: object, place: tuple = ()) -> list[tuple]:
    """Paths of every value in a document of lists and mappings."""
    found = [place] if place else []
    if isinstance(document, dict):
        found += [path for key in document for path in _places(document[key], (*place, key))]
    if isinstance(document, list):
        found += [path for i, item in enumerate(document) for path in _places(item, (*place, i))]
    return found


# one seed a case: drawing every choice apart takes longer than the readers themselves
_SEEDS = st.randoms(use_true_random=True)


def damaged(document: object, most: int = 3) -> st.SearchStrategy:
    """Copies of the document with up to `most` places changed, removed, added or repeated."""
    return _SEEDS.map(lambda random: damage(document, random, most))


def damaged_files(
    document: object, as_text: Callable[[object], str], most: int = 3
) -> st.SearchStrategy:
    """Files of damaged documents; one of five is then cut, altered or otherwise encoded."""
    return _SEEDS.map(lambda random: damage_bytes(as_text(damage(document, random, most)), random))


def damage(document: object, random: Random, most: int = 3) -> object:
    """A copy with up to `most` damaged places."""
    document = deepcopy(document)
    for _ in range(random.randint(0, most)):
        places = _places(document)
        if places:
            _damage_place(document, random.choice(places), random)
    return document


def _damage_place(document: object, path: tuple, random: Random) -> None:
    *steps, last = path
    parent = document
    for step in steps:
        parent = parent[step]
    kind = random.choice(("odd", "edit", "edit", "remove", "add", "repeat"))
    if kind == "remove":
        del parent[last]
    elif kind == "repeat" and isinstance(parent, list):
        parent.insert(last, deepcopy(parent[last]))
    elif kind in ("add", "repeat") and isinstance(parent, dict):
        parent[random.choice(("extra", "", "id", str(last).upper(), f"{last}s"))] = 1
    elif kind == "edit" and isinstance(parent[last], str):
        parent[last] = _edited(parent[last], random)
    else:
        parent[last] = deepcopy(random.choice(ODD))


def _edited(text: str, random: Random) -> str:
    """A text with something odd at its start, its end or inside, cut, or in another case."""
    piece, at = random.choice(TEXTS), random.randint(0, len(text))
    return random.choice(
        (text[:at] + piece + text[at:], piece + text, text + piece, text[:at], text.upper())
    )


def damage_bytes(text: str, random: Random) -> bytes:
    """A text as a file's content, damaged in one case of five."""
    if random.randint(1, 5) > 1:
        return text.encode("utf-8", "surrogatepass")
    content = text.encode(random.choice(ENCODINGS), "replace")
    at = random.randint(0, len(content))
    piece = random.choice((*BYTES, random.randbytes(4)))
    ways = (content, content[:at], content[:at] + piece + content[at:], content[:at] + piece)
    return random.choice(ways)


class Answers:
    """Counts accepted and refused cases; a test of readers must see many of both."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()

    def ask(self, read: Callable[[], object], *places: str) -> object:
        """What `read` gives, None if it refuses; a refusal must name one of the places."""
        try:
            found = read()
        except MematError as error:
            text = str(error)
            assert any(place in text for place in places), f"names no place: {text!r}"
            assert text.encode("utf-8"), "can be written into a log"
            self.counts["refused"] += 1
            return None
        self.counts["accepted"] += 1
        return found

    def check(self, cases: int, least: float = 0.05) -> None:
        """As many cases as planned, and neither answer is rare."""
        assert sum(self.counts.values()) >= cases, self.counts
        for answer in ("accepted", "refused"):
            assert self.counts[answer] >= least * cases, self.counts
