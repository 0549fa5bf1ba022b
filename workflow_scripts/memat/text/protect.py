"""Names through a translator: a stand-in goes in, the name comes back in its place.

A translator without context reads "Bird Blobs" as two common words. So a name is
replaced by an ordinary first name before the translation and put back after it,
with elisions made anew. Names that have a form of their own in the other
language (countries, cities) come back in that form.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from memat.text.engine import Translation
from memat.text.languages import Language, join_words
from memat.text.spans import occurrences

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
    forms = {name: listed.get(name, name) for name in names}
    for name, *both in _as_name_and_word(translate, single):
        as_name, as_word = (answer.text.rstrip(".") for answer in both)
        if as_name[:1].isupper() and as_name.lower() != as_word.lower():
            forms[name] = as_name
    return forms


def _as_name_and_word(
    translate: Translate, names: Sequence[str], before: str = ""
) -> Iterator[tuple[str, Translation, Translation]]:
    """Each name with its translations, as it stands and in lower case, behind the text `before`."""
    upper = translate([f"{before}{name}." for name in names])
    lower = translate([f"{before}{name.lower()}." for name in names])
    return zip(names, upper, lower, strict=True)


def names_with_article(
    translate: Translate, names: Iterable[str], articles: Sequence[str], language: Language
) -> dict[str, str]:
    """Names of an article and one more word, with the article of the other language.

    "The Danube" is known to the translator: "el Danubi". Where it knows no such name (The
    Beatles) or reads a common word (The Trial), the name stays as it is.
    """
    listed = dict(language.names)
    pairs = {name: name.split() for name in sorted(set(names)) if name not in listed}
    of_two = [
        name
        for name, words in pairs.items()
        if len(words) == 2 and words[0].lower() in articles and words[1][:1].isupper()
    ]
    forms = {}
    for name, answer, lower in _as_name_and_word(translate, of_two):
        as_name, as_word = answer.text.rstrip("."), lower.text.rstrip(".")
        rest = without_article(as_name, language)
        # one word after the article, and a name: not the word that stands in the dictionary
        known = rest != as_name and rest[:1].isupper() and " " not in rest and not answer.unknown
        if known and (rest == pairs[name][1] or as_name.lower() != as_word.lower()):
            article = as_name[: len(as_name) - len(rest)]
            forms[name] = article.lower() + rest
    return forms


def without_article(name: str, language: Language) -> str:
    """A name without the article of the language in front."""
    for article in (*(f"{word} " for word in language.articles), *language.elided_endings):
        if name.lower().startswith(article) and len(name) > len(article):
            return name[len(article) :]
    return name


def kept_targets(translate: Translate, targets: Iterable[str], language: Language) -> set[str]:
    """Targets that are names the translator would read as common words.

    Those it gives a lower-case word for (French → francès) are words of the
    language, not names.
    """
    listed = dict(language.names)
    capital = sorted({t for t in targets if t[:1].isupper() and t not in listed})
    answers = {
        target: (upper.text.rstrip("."), lower.text.rstrip("."))
        for target, upper, lower in _as_name_and_word(translate, capital, "It is ")
    }
    kept = {
        target
        for target, (as_name, as_word) in answers.items()
        if as_name.lower() == as_word.lower()
        and (last := "".join(as_name.split()[-1:]))[:1].isupper()
        and last.lower() != target.lower()
    }
    return kept | _names_of_people(translate, answers)


def _names_of_people(translate: Translate, answers: dict[str, tuple[str, str]]) -> set[str]:
    """Targets of which one word is kept and another is read as a common word (Larry Wall).

    answers: target → its translation as it stands, and in lower case, each in a sentence.
    """
    mixed: dict[str, list[str]] = {}
    for target, (as_name, _) in answers.items():
        words, translated = target.split(), as_name.split()
        capitals = all(word[:1].isupper() for word in words)
        if len(words) > 1 and capitals and translated[-len(words) :][:1] == words[:1]:
            changed = [word for word in words[1:] if word not in translated]
            if changed:
                mixed[target] = changed
    words = sorted({word for changed in mixed.values() for word in changed})
    common = {
        word
        for word, upper, lower in _as_name_and_word(translate, words)
        if upper.text.lower() == lower.text.lower()
    }
    return {target for target, changed in mixed.items() if common & set(changed)}


def restore(masked: Masked, translation: str, language: Language) -> str | None:
    """The translation with its names; None unless each stand-in is there exactly once."""
    for stand_in, name in masked.stand_ins:
        places = occurrences(translation, stand_in)
        if len(places) != 1:
            return None
        before, name = join_name(language, translation[: places[0]], name)
        translation = before + name + translation[places[0] + len(stand_in) :]
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
