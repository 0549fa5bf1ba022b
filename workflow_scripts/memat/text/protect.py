"""Names through a translator: a stand-in goes in, the name comes back in its place.

A translator without context reads "Bird Blobs" as two common words. So a name is
replaced by an ordinary first name before the translation and put back after it,
with elisions made anew. Names that have a form of their own in the other
language (countries, cities) come back in that form.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from memat.text.engines.interface import Translation
from memat.text.languages import Language, join_words

Translate = Callable[[Sequence[str]], list[Translation]]


@dataclass(frozen=True)
class Masked:
    """A sentence with stand-ins, and what each stands for in the translation."""

    text: str
    stand_ins: tuple[tuple[str, str], ...]  # (stand-in, name in the target language)


def known_names(translate: Translate, names: Iterable[str], language: Language) -> dict[str, str]:
    """Each name's form in the other language; the name itself where there is none.

    A word whose translation differs from that of its lower-case form is known to the
    translator as a name (Germany, Turkey). Where both are equal (Apple, Triumph) the
    name was read as a common word, and stays. Names of several words stay, unless
    the language file lists them.
    """
    listed = dict(language.names)
    names = sorted(set(names))
    single = [name for name in names if " " not in name and name not in listed]
    upper = [t.text.rstrip(".") for t in translate([f"{name}." for name in single])]
    lower = [t.text.rstrip(".") for t in translate([f"{name.lower()}." for name in single])]
    forms = {name: listed.get(name, name) for name in names}
    for name, as_name, as_word in zip(single, upper, lower, strict=True):
        if as_name[:1].isupper() and as_name.lower() != as_word.lower():
            forms[name] = as_name
    return forms


def kept_targets(translate: Translate, targets: Iterable[str], language: Language) -> set[str]:
    """Targets that are names the translator would read as common words.

    Those it gives a lower-case word for (French → francès) are words of the
    language, not names.
    """
    listed = dict(language.names)
    capital = sorted({t for t in targets if t[:1].isupper() and t not in listed})
    upper = [t.text.rstrip(".") for t in translate([f"It is {target}." for target in capital])]
    lower = [
        t.text.rstrip(".") for t in translate([f"It is {target.lower()}." for target in capital])
    ]
    return {
        target
        for target, as_name, as_word in zip(capital, upper, lower, strict=True)
        if as_name.lower() == as_word.lower()
        and _last_word(as_name)[:1].isupper()
        and _last_word(as_name).lower() != target.lower()
    }


def _last_word(text: str) -> str:
    return text.split()[-1] if text.split() else ""


def restore(masked: Masked, translation: str, language: Language) -> str | None:
    """The translation with its names; None unless each stand-in is there exactly once."""
    for stand_in, name in masked.stand_ins:
        places = list(re.finditer(rf"(?<!\w){re.escape(stand_in)}(?!\w)", translation))
        if len(places) != 1:
            return None
        start, end = places[0].span()
        before, name = join_name(language, translation[:start], name)
        translation = before + name + translation[end:]
    return translation


def join_name(language: Language, before: str, name: str) -> tuple[str, str]:
    """What stands before a name, with the elision that it asks for, and the name.

    An article in front of the name merges with the word before it, and is part of the name
    no more: ("La font de ", "el Tàmesi") → ("La font del ", "Tàmesi").
    """
    article, _, rest = name.partition(" ")
    if rest and article in language.articles:
        # an article merges with the full form: d'Iron, de el Tàmesi, del Tàmesi
        for full, short in language.elisions:
            if before.lower().endswith(short):
                before = f"{before[: -len(short)]}{full} "
                break
    word = re.search(r"(\w+)\s+$", before)
    merged = word and dict(language.contractions).get(f"{word[1].lower()} {article}")
    if merged and rest:
        if word[1][0].isupper():
            merged = merged[:1].upper() + merged[1:]
        return before[: word.start()] + merged + " ", rest
    return join_words(language, before, name)[: -len(name)], name
