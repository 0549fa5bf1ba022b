"""What the pipeline knows about a language: everything comes from its YAML file.

No module names a language; a new one is a new file beside the others in
`resources/languages/`, whose comments say what each key means. A stage gets the keys that
`language_keys.READ` lists for it, and no file.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

from memat.errors import LanguageError
from memat.text.words import LONE_SURROGATE
from memat.yaml_files import read_yaml

Rule = tuple[re.Pattern, str]


@dataclass(frozen=True)
class Language:
    """Content of a language file. Words are lower case, rules are compiled.

    Defaults are made for each object, so that `language_of` can leave keys out.
    """

    code: str
    name: str
    openers: tuple[str, ...]
    kl_prompt: str
    question: str = field(default_factory=str)
    iso639_3: str = field(default_factory=str)
    script: str = field(default_factory=str)
    vowels: str = field(default_factory=str)
    articles: tuple[str, ...] = field(default_factory=tuple)
    function_words: tuple[str, ...] = field(default_factory=tuple)
    # ("de", "d'"): before a vowel
    elisions: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    # ("de el", "del")
    contractions: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    # endings of one word's forms
    inflections: tuple[tuple[str, ...], ...] = field(default_factory=tuple)
    # words before a noun, in the order of its endings
    agreement: tuple[tuple[str, ...], ...] = field(default_factory=tuple)
    duplicate_by_target: bool = field(default_factory=lambda: True)
    stand_ins: tuple[str, ...] = field(default_factory=tuple)
    names: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    source_rules: tuple[Rule, ...] = field(default_factory=tuple)
    translation_rules: tuple[Rule, ...] = field(default_factory=tuple)
    rules_for: tuple[str, ...] = field(default_factory=tuple)

    @property
    def elided_endings(self) -> tuple[str, ...]:
        """Endings after which a word follows without a space (d', l')."""
        return tuple(sorted({short for _, short in self.elisions}))

    def starts_with_vowel(self, word: str) -> bool:
        """Whether an elision is due before `word`."""
        return bool(word) and word[0].lower() in self.vowels


KEYS = tuple(known.name for known in fields(Language))
REQUIRED = ("code", "name", "openers", "kl_prompt")


def load_language(path: str | Path) -> Language:
    """The language of a file. Raises LanguageError(file, key)."""
    return Language(**{key: _value(path, key, value) for key, value in _read_content(path).items()})


def language_keys(path: str | Path, keys: Iterable[str]) -> dict[str, object]:
    """Some keys of a language file, as YAML holds them; None where the file leaves one out.

    Raises LanguageError(file, key).
    """
    content = _read_content(path)
    return {key: content.get(key) for key in keys}


def language_of(content: dict[str, object]) -> Language:
    """A language that knows only the keys of `language_keys`; asked for another: AttributeError."""
    language = object.__new__(Language)
    for known in fields(Language):
        name = known.name
        if name in content:
            value = content[name]
            made = (
                known.default_factory() if value is None else _value("language file", name, value)
            )
            object.__setattr__(language, name, made)
    return language


def apertium_pair(source: str | Path, target: str | Path) -> str:
    """Apertium's name for the pair of two language files: `eng-cat`. Raises LanguageError(file)."""
    codes = []
    for path in (source, target):
        code = language_keys(path, ["iso639_3"])["iso639_3"]
        if not code:
            raise LanguageError(
                f"{path}: the key 'iso639_3' is missing, of which Apertium's pair is made; add it"
                " or name the pair (translate.apertium.pair)"
            )
        codes.append(_text(path, "iso639_3", code))
    return "-".join(codes)


def _read_content(path: str | Path) -> dict[str, object]:
    """What a language file holds: known keys, and none missing that must be there."""
    content = read_yaml(path, LanguageError)
    if not isinstance(content, dict):
        raise LanguageError(f"{path}: must map keys to values")
    for key in content:
        if key not in KEYS:
            raise LanguageError(f"{path}: unknown key {key!r}; allowed: {', '.join(sorted(KEYS))}")
    for key in REQUIRED:
        if not content.get(key):
            raise LanguageError(f"{path}: the key {key!r} is missing or empty")
    return content


def _value(path: str | Path, key: str, value: object) -> object:
    """One key's value in the type that `Language` declares, or a LanguageError."""
    if key in ("code", "name", "kl_prompt", "question", "vowels", "iso639_3", "script"):
        text = _text(path, key, value)
        if key in ("kl_prompt", "question") and text.count("{}") != 1:
            raise LanguageError(f"{path}: {key} must have exactly one '{{}}'")
        return text
    if key == "duplicate_by_target":
        return _checked(path, key, value, bool, "true or false")
    if key in ("elisions", "contractions", "names"):
        pairs = _checked(path, key, value, dict, "a mapping of texts").items()
        return tuple((_text(path, key, a), _text(path, key, b)) for a, b in pairs)
    items = _checked(path, key, value, list, "a list")
    if key in ("inflections", "agreement"):
        return tuple(
            tuple(_text(path, key, ending) for ending in _checked(path, key, item, list, "lists"))
            for item in items
        )
    if key.endswith("_rules"):
        return tuple(_rule(path, key, item) for item in items)
    return tuple(_text(path, key, item) for item in items)


def _rule(path: str | Path, key: str, item: object) -> Rule:
    if not (isinstance(item, list) and len(item) == 2 and all(isinstance(x, str) for x in item)):
        raise LanguageError(f"{path}: {key}: a rule is [pattern, replacement], found {item!r}")
    try:
        re.sub(f"{item[0]}|", item[1], "")  # always matches, so a bad replacement shows too
        return re.compile(item[0]), item[1]
    except (re.error, IndexError) as error:
        raise LanguageError(
            f"{path}: {key}: {item} is no pattern and replacement ({error})"
        ) from error


def _checked(path: str | Path, key: str, value: object, kind: type, wanted: str) -> object:
    if not isinstance(value, kind):
        raise LanguageError(f"{path}: {key}: must be {wanted}, found {value!r}")
    return value


def _text(path: str | Path, key: str, value: object) -> str:
    text = str(_checked(path, key, value, str, "texts"))
    if LONE_SURROGATE.search(text):
        raise LanguageError(f"{path}: {key}: holds half of a character: {text!r}")
    return text


def apply_rules(rules: tuple[Rule, ...], text: str) -> str:
    """The rules one after another, each everywhere in the text."""
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


def join_words(language: Language, before: str, word: str) -> str:
    """`before` + `word` with the elision that `word` asks for: "de " + "Anna" → "d'Anna".

    A vowel at the start of `word` elides the word before it; an elided word before
    a consonant gets its full form back (the first full form of the language file).
    """
    vowel = language.starts_with_vowel(word)
    for full, short in language.elisions:
        if vowel and re.search(rf"(?:^|\s){re.escape(full)}\s+$", before, re.IGNORECASE):
            stem = before.rstrip()[: -len(full)]
            article = before.rstrip()[len(stem) :]
            return stem + (short.capitalize() if article[0].isupper() else short) + word
        if not vowel and before.lower().endswith(short):
            return before[: -len(short)] + full + " " + word
    return before + word
