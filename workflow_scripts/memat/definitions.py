"""The code tag of a rule: a hash of every definition that its script reaches, and of no other.

From the script each imported name leads to its definition (a function, a class, a top-level
assignment), the names in that lead to others, and so on. A class counts with all its methods,
so a method called on an instance is reached with whatever code names the class. Where names do
not tell what is used, more counts: a module that does something when it is imported counts
whole, as does one that is used as a value; code that loads code counts the whole library.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from memat.source_code import Import, Source, Statement, module_name, read_source

WHOLE, AS_VALUE = "*", "as a value"


# a module that is loaded by name, whole, or with the names in it that are used
Leaf = Path | tuple[Path, tuple[str, ...]]


def code_tag(
    script: Path, library_root: Path, *leaves: Leaf, sources: dict[str, Source | None] | None = None
) -> str:
    """Hash of what a script does, 16 hexadecimal digits.

    library_root: the folder that imports start from; packages installed elsewhere do not
    count, their versions are pinned and recorded (`memat.provenance.recorded_versions`)
    leaves: modules that the script loads by name (`memat.leaves`); they count whole, or
    those names in them that are given
    sources: what was read for the tags before; this one's is added, so that many take little time
    """
    digest = hashlib.sha256()
    for name, text in sorted(reached(script, library_root, *leaves, sources=sources).items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:16]


def reached(
    script: Path, library_root: Path, *leaves: Leaf, sources: dict[str, Source | None] | None = None
) -> dict[str, str]:
    """`module:name` → its code, for every definition and import that a script reaches.

    `module:*` is a whole module.
    """
    root = library_root.resolve()
    roots = [(script, ()), *(leaf if isinstance(leaf, tuple) else (leaf, ()) for leaf in leaves)]
    return _Reach(root, {} if sources is None else sources).follow(
        [(module_name(path.resolve(), root), names) for path, names in roots]
    )


class _Reach:
    """What is reached from some modules."""

    def __init__(self, root: Path, sources: dict[str, Source | None]):
        self._root = root
        self._sources = sources
        self._found: dict[str, str] = {}
        self._pending: list[tuple[Source, Statement]] = []

    def follow(self, roots: list[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
        """roots: modules, each with the names in it to start from; none: all of it."""
        for module, names in roots:
            source = self._source(module)
            for name in names:
                self._add_name(source, name, ())
            if not names:
                self._add(source, WHOLE, source.statements)
        for source in self._executed([module for module, _ in roots]):
            if source.finds_code:  # every module in a package counts, scripts aside
                self._add_files(self._root.glob("*/**/*.py"))
            if source.whole:
                self._add(source, WHOLE, source.statements)
            if WHOLE in source.imports:
                self._add_import(source, WHOLE, ())
            for place, statement in enumerate(source.on_import):
                self._add(source, f"on import {place}", (statement,))
        while self._pending:
            self._resolve(*self._pending.pop())
        return self._found

    def _source(self, name: str) -> Source | None:
        if name not in self._sources:
            self._sources[name] = read_source(self._root, name)
        return self._sources[name]

    def _executed(self, names: list[str]) -> Iterator[Source]:
        """Every module that may run; importing a.b.c also runs a and a.b."""
        pending, seen = list(names), set()
        while pending:
            parts = pending.pop().split(".")
            for depth in range(1, len(parts) + 1):
                name = ".".join(parts[:depth])
                source = None if name in seen else self._source(name)
                seen.add(name)
                if source:
                    pending.extend(source.executes)
                    yield source

    def _add(self, source: Source, name: str, statements: Sequence[Statement]) -> None:
        key = f"{source.name}:{name}"
        if key not in self._found:
            self._found[key] = "\n".join(statement.text for statement in statements)
            self._pending.extend((source, statement) for statement in statements)

    def _add_files(self, paths: Iterable[Path]) -> None:
        for path in sorted(paths):
            source = self._source(module_name(path, self._root))
            self._add(source, WHOLE, source.statements)

    def _add_module(self, source: Source) -> None:
        """A module that is used as a value: all of it, what it imports, and what is below it."""
        key = f"{source.name}:{AS_VALUE}"
        if key not in self._found:
            self._found[key] = ""
            self._add(source, WHOLE, source.statements)
            for name in source.imports:
                self._add_import(source, name, ())
            self._add_files(self._root.joinpath(*source.name.split(".")).glob("**/*.py"))

    def _resolve(self, source: Source, statement: Statement) -> None:
        for head, *rest in statement.uses:
            self._add_name(source, head, tuple(rest))
            for item in statement.imports:
                if item.name == head:
                    self._add_imported(item, tuple(rest))
        for item in statement.imports:
            if item.member == WHOLE:
                self._add_imported(item, ())

    def _add_name(self, source: Source, name: str, rest: tuple[str, ...]) -> None:
        """A name as a module of the library means it; other names are local or built in."""
        if name in source.definitions:
            self._add(source, name, source.definitions[name])
        if name in source.imports:
            self._add_import(source, name, rest)

    def _add_import(self, source: Source, name: str, rest: tuple[str, ...]) -> None:
        """A name that an import binds: the binding counts, so that exchanged aliases show."""
        bound = source.imports[name]
        if name:
            self._found[f"{source.name}:import {name}"] = repr(bound)
        for item in bound:
            self._add_imported(item, rest)

    def _add_imported(self, item: Import, rest: tuple[str, ...]) -> None:
        source = self._source(item.module)
        if source is None or not item.name:
            return
        if item.member == WHOLE:
            self._add_module(source)
            return
        parts = (item.member, *rest) if item.member else rest
        while parts:
            head, *tail = parts
            below = self._source(f"{source.name}.{head}")
            if head in source.definitions or head in source.imports:
                self._add_name(source, head, tuple(tail))
                if below is None:
                    return
            if below is None:  # no such name: made while it runs
                self._add_module(source)
                return
            source, parts = below, tuple(tail)
        self._add_module(source)
