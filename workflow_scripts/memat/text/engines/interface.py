"""What every translation engine offers: sentences in, as many translations out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from memat.errors import TranslationError


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
    """

    name: str
    whole_sources: bool

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        """Translations in the order of `sentences`. Raises TranslationError."""
        ...


class SecondLook(Protocol):
    """What an engine may offer besides: a look at its own translations."""

    def back(self) -> Engine | None:
        """The engine of the reverse direction; None where it is not installed."""
        ...

    def has_verb(self, sentences: Sequence[str]) -> list[bool]:
        """Whether each sentence, in this engine's source language, has a finite verb."""
        ...


def back_engine(engine: Engine) -> Engine | None:
    """The engine that translates back, of engines that know one."""
    make = getattr(engine, "back", None)
    return make() if make else None


def checked(
    name: str, sentences: Sequence[str], translations: list[Translation]
) -> list[Translation]:
    """The translations, if there is one for each sentence."""
    if len(translations) != len(sentences):
        raise TranslationError(
            f"engine {name}: {len(sentences)} sentences went in, {len(translations)} came out"
        )
    return translations
