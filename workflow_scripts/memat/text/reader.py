"""Finding the formats of facts files, which are the leaves of `memat.text.readers`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from memat.definitions import Leaf
from memat.leaves import in_words, leaf_names, leaf_path, load_leaf
from memat.text.own_answers import with_answers
from memat.text.rejections import Rejection

PACKAGE = "memat.text.readers"
NO_SETTINGS: Mapping = MappingProxyType({})


def format_names() -> tuple[str, ...]:
    """Names of the formats there are."""
    return leaf_names(PACKAGE)


def formats_in_words() -> str:
    """`counterfact (JSON records …) | …`, from the first line of each leaf."""
    return in_words(PACKAGE)


def bilingual_formats() -> list[str]:
    """The formats whose records may hold other languages besides the source."""
    return [name for name in format_names() if hasattr(load_reader(name), "read_language")]


def holds_one_language(name: str) -> bool:
    """Whether a bilingual file of the format holds one language besides the source."""
    return getattr(load_reader(name), "ONE_OTHER_LANGUAGE", False)


def aligns_subjects(name: str) -> bool:
    """Whether a subject of the format need not stand in its prompt as it is written."""
    return getattr(load_reader(name), "ALIGNS_SUBJECTS", False)


def formats_like(path: str | Path) -> list[str]:
    """The formats that a file looks like."""
    return [name for name in format_names() if load_reader(name).recognises(path)]


def load_reader(name: str) -> ModuleType:
    """The leaf of one format. Raises ConfigError naming those there are."""
    return load_leaf(PACKAGE, name)


def leaves_of_reader(name: str, *used: str) -> tuple[Leaf, ...]:
    """What a job that reads a facts file uses of the leaves: `used` are names in the leaf."""
    return ((leaf_path(PACKAGE, name), used),)


def own_settings(facts: dict, language: Path) -> dict:
    """The format's section of `facts`, completed with what follows from a language's file."""
    own = facts.get(facts["format"]) or {}
    complete = getattr(load_reader(facts["format"]), "completed", None)
    return complete(own, language) if complete else own


def notices(path: str | Path, file_format: str, others_read: bool = False) -> Iterator[str]:
    """What a facts file holds that nothing reads, a sentence each.

    others_read: whether other languages than the source's are read.
    """
    leaf = load_reader(file_format)
    yield from leaf.notices(path, others_read) if hasattr(leaf, "notices") else ()


def read_format(
    path: str | Path, file_format: str, own: Mapping = NO_SETTINGS
) -> tuple[list[dict], list[Rejection]]:
    """Rows of a facts file and what is rejected in it, as its format's `read` gives them.

    own: the format's settings. Raises ConfigError for an unknown format,
    FactError(file, record, field).
    """
    rows, rejections = load_reader(file_format).read(path, own)
    return [with_answers(row) for row in rows], rejections
