"""The second half of an error message: what is allowed, and what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def allowed_values(found: object, allowed: Iterable[object]) -> str:
    """`'memitt' is unknown; allowed: memit, memat; did you mean 'memit'?`"""
    names = [str(name) for name in allowed]
    text = f"'{found}' is unknown; allowed: {', '.join(names) or 'none'}"
    close = get_close_matches(str(found), names, n=1, cutoff=0.6)
    return f"{text}; did you mean '{close[0]}'?" if close else text
