"""What every section of the configuration has in common: its kinds of values, and their bounds.

A section is a class: each key has its type with bounds, its default and, as the text
below it, its meaning. `config.yaml`, the JSON schema and the page of settings are written
from these classes (`memat.study.documents`).
"""

import unicodedata
from collections.abc import Callable, Iterator
from os.path import isdir
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from memat.commits import commit_fault
from memat.leaves import leaf_names, load_leaf
from memat.suggest import shown

MACHINE_LIMIT = 2**31 - 1  # keeps numbers computable and says nothing of the key


class Section(BaseModel):
    """One section: no key but its own, no value of another kind (3.0 is no whole number)."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        """(key, fault) of values that are each allowed but do not go together."""
        yield from ()


def with_leaf_sections(package: str, name: str) -> Callable[[type[Section]], type[Section]]:
    """Adds to the section called `name` those that leaves declare for it, under their own names."""
    found = {leaf: load_leaf(package, leaf).SETTINGS.get(name) for leaf in leaf_names(package)}

    def extended(common: type[Section]) -> type[Section]:
        return create_model(
            common.__name__,
            __base__=common,
            __doc__=common.__doc__,
            __module__=common.__module__,
            **{leaf: (kind, kind()) for leaf, kind in found.items() if kind},
        )

    return extended


def repeats(section: Section, *keys: str) -> Iterator[tuple[str, str]]:
    """(key, fault) of lists with the same twice."""
    for key in keys:
        found = getattr(section, key) or []
        if len(set(found)) < len(found):
            yield key, f"must have no repeats, found {found}"


def _plain(text: str) -> str:
    """Names, paths and patterns: no line breaks, control characters, halves of characters."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise PydanticCustomError("control_character", "a text with a control character")
    return text


PlainText = Annotated[str, AfterValidator(_plain)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_plain)]
OptionalText = Text | None
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=MACHINE_LIMIT)]
Number = Annotated[int, Field(ge=0, le=MACHINE_LIMIT)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$"), AfterValidator(_plain)]


def unpinned(model: str | None, revision: str | None) -> str | None:
    """The fault of a hub id without the commit that pins it; None for folders and no model."""
    if not model or isdir(model):
        return None
    if revision:
        return commit_fault(revision)
    return f"missing; {shown(model)} is no folder here, and a hub model needs the commit id that pins it"


def hub_faults(engine: str, model: str | None, revision: str | None) -> Iterator[tuple[str, str]]:
    """(key, fault) of the model of a translation engine: missing, or a hub id that nothing pins."""
    if model is None:
        yield "model", f"missing; translate.engine is {engine}"
    if fault := unpinned(model, revision):
        yield "revision", fault
