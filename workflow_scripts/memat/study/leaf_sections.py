"""Sections that leaves declare for themselves, as fields of the section they belong to."""

from collections.abc import Callable

from pydantic import create_model

from memat.leaves import leaf_names, load_leaf
from memat.study.section import Section


def with_leaf_sections(package: str, name: str) -> Callable[[type[Section]], type[Section]]:
    """Adds to the section called `name` one of each leaf's own, under the leaf's name."""

    def extended(common: type[Section]) -> type[Section]:
        return create_model(
            common.__name__,
            __base__=common,
            __doc__=common.__doc__,
            __module__=common.__module__,
            **{leaf: (kind, kind()) for leaf, kind in leaf_sections(package, name).items()},
        )

    return extended


def leaf_sections(package: str, name: str) -> dict[str, type[Section]]:
    """Leaf → its own section below the section called `name`, for leaves that have one."""
    found = {leaf: load_leaf(package, leaf).SETTINGS.get(name) for leaf in leaf_names(package)}
    return {leaf: kind for leaf, kind in found.items() if kind}
