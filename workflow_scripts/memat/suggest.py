"""The second half of an error message: what was found, what is allowed, what was meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def shown(text: object) -> str:
    """A key or name as a message can hold it: escaped where it could not be printed."""
    return str(text) if str(text).isprintable() else repr(str(text))


def likely(found: object, names: Iterable[str]) -> str:
    """`; did you mean 'memit'?`, or nothing where no name is close."""
    close = get_close_matches(str(found), list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def allowed_values(found: object, allowed: Iterable[object]) -> str:
    """`'memitt' is unknown; allowed: memit, memat; did you mean 'memit'?`"""
    names = [str(name) for name in allowed]
    text = f"{str(found)!r} is unknown; allowed: {', '.join(names) or 'none'}"
    return f"{text}{likely(found, names)}"
