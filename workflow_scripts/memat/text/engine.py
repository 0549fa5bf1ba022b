"""What every translation engine offers: sentences in, as many translations out.

Engines are the leaves of `memat.text.engines`: nothing else names one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

from tqdm import tqdm

from memat.definitions import Leaf
from memat.errors import TranslationError
from memat.leaves import in_words, leaf_names, leaf_path, load_leaf

PACKAGE = "memat.text.engines"


@dataclass(frozen=True)
class Translation:
    """One translated sentence.

    score: what the engine thinks of it (log-probability a token for neural engines,
    share of known words for rule-based ones); None where it does not say.
    unknown: source words the engine has no translation for.
    """

    text: str
    score: float | None = None
    unknown: tuple[str, ...] = field(default=())


class Engine(Protocol):
    """A translator of single sentences.

    whole_sources: it can only answer sources as the facts give them, noise included,
    not their parts, names or sentences with stand-ins.

    It may offer a look at its own translations besides: `back()`, the engine of the reverse
    direction or None where it is not installed, which has `has_verb(sentences)`: whether each
    sentence, in that engine's source language, has a finite verb.
    """

    name: str
    whole_sources: bool

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Translations in the order of `sentences`. Raises TranslationError."""
        ...


def checked(
    name: str, sentences: Sequence[str], translations: list[Translation]
) -> list[Translation]:
    """The translations, if there is one for each sentence."""
    if len(translations) != len(sentences):
        raise TranslationError(
            f"engine {name}: {len(sentences)} sentences went in, {len(translations)} came out"
        )
    return translations


def in_batches(
    name: str,
    sentences: Sequence[str],
    batch_size: int,
    translate: Callable[[list[str]], list[Translation]],
) -> list[Translation]:
    """Translations of batches of sentences of similar lengths: less padding, same answers.

    translate: of a batch, whose blanks are single ones.
    """
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    translations: dict[int, Translation] = {}
    with tqdm(total=len(sentences), desc=name, unit="sentence") as progress:
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            texts = [" ".join(sentences[i].split()) for i in batch]
            translations |= zip(batch, translate(texts), strict=True)
            progress.update(len(batch))
    return checked(name, sentences, [translations[i] for i in sorted(translations)])


def engine_names() -> tuple[str, ...]:
    """Names of the engines there are."""
    return leaf_names(PACKAGE)


def engines_in_words() -> str:
    """`apertium (rule-based; …) | …`, from the first line of each leaf."""
    return in_words(PACKAGE)


def load_engine(name: str) -> ModuleType:
    """The leaf of one engine. Raises ConfigError naming those there are."""
    return load_leaf(PACKAGE, name)


def leaves_of_engine(name: str) -> tuple[Leaf, ...]:
    """What a job that translates with the engine uses of the leaves."""
    return ((leaf_path(PACKAGE, name), ("make",)),)


def own_settings(settings: dict, source: Path, target: Path) -> dict:
    """The chosen engine's section of `translate`, completed with what follows from the languages.

    source, target: files of the two languages. Raises LanguageError(file).
    """
    own = settings.get(settings["engine"]) or {}
    complete = getattr(load_engine(settings["engine"]), "completed", None)
    return complete(own, source, target) if complete else own


def files_of(settings: dict) -> dict[str, str | None]:
    """Key → path of each file that the chosen engine reads, of a section `translate`."""
    name = settings["engine"]
    keys = getattr(load_engine(name), "FILES", ())
    return {f"{name}.{key}": settings[name][key] for key in keys}


def missing(settings: dict) -> str | None:
    """Why the chosen engine cannot translate on this machine, or None, of a section `translate`."""
    name = settings["engine"]
    look = getattr(load_engine(name), "missing", None)
    fault = look(settings[name]) if look else None
    return fault and f"{name}: {fault}"


def memory_of(name: str) -> int:
    """Megabytes that a job with an engine asks for at first."""
    return getattr(load_engine(name), "MEMORY_MB", 2500)


def fits_one_language(settings: dict) -> tuple[str, object] | None:
    """Key and value of a setting of the chosen engine that fits one target language only."""
    name = settings["engine"]
    key = getattr(load_engine(name), "OF_ONE_LANGUAGE", None)
    return (f"{name}.{key}", settings[name][key]) if key else None


def make_engine(settings: dict, threads: int = 1) -> Engine:
    """The engine of a `translate` section; only its own libraries are loaded.

    Raises ConfigError for an unknown engine, TranslationError for one that is not there.
    """
    name = settings["engine"]
    return load_engine(name).make(settings.get(name) or {}, settings["batch_size"], threads)
