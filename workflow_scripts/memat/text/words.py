"""Cutting a sentence into words and punctuation marks, for alignment and repair."""

import re

# a word keeps the apostrophe that elides it (l', d'), a possessive 's is a word of its own
WORD = re.compile(r"['’]s\b|\w+(?:[·.&/-]\w+)*(?:['’](?!s\b)(?=\w))?|[^\w\s]")


# a surrogate code point without its pair: valid in an escaped JSON string, never in UTF-8 text
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def words_of(text: str) -> list[str]:
    """Words and punctuation marks in order; joined by nothing but the text's own blanks."""
    return WORD.findall(text)
