"""One Python file as definitions: what each top-level name is, and which names it uses.

Read from the syntax tree without running anything. Docstrings, comments and layout are gone.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# these may load modules by name: what the first loads is named to the code tag as a leaf, what
# the second loads is installed from elsewhere, and the third loads what no script asks for
LOADERS = ("memat.leaves", "memat.model.quick", "memat")
# code that finds code while it runs: which, cannot be read from the file
_LOADING = ("importlib", "pkgutil", "runpy")
_LOADS_NOTHING = ("importlib.metadata", "importlib.resources")
_FINDS_CODE = {
    "id": ("__import__", "exec", "eval"),
    "attr": ("import_module", "__subclasses__"),
    "name": ("__init_subclass__",),
    "arg": ("metaclass",),
}
_FINDING_WORD = re.compile(rf"\b({'|'.join(w for words in _FINDS_CODE.values() for w in words)})\b")
# statements that only bind names; any other does something whenever the module is imported
_BINDING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENT = (ast.Assign, ast.AnnAssign, ast.AugAssign)
# where a statement holds others
_BODIES = ("body", "orelse", "handlers", "finalbody", "cases")
_CONSTRUCTORS = ("__init__", "__post_init__", "__new__")


@dataclass(frozen=True)
class Import:
    """`name` stands for a module, or for a `member` of it; member "*": for all of them."""

    name: str
    module: str
    member: str | None


@dataclass(frozen=True)
class Statement:
    """A top-level statement: its tree as text, the dotted names in it, imports inside it."""

    text: str
    uses: frozenset[tuple[str, ...]]
    imports: tuple[Import, ...]


@dataclass(frozen=True)
class Source:
    """A module of the library, or a script.

    definitions: the statements that bind a name, usually one
    on_import: statements that call into the library, and so may leave a trace, on import
    whole: whether definitions cannot be told apart, so that all of the module counts
    finds_code: whether it uses code that stands in no import of it
    executes: modules that may run when this one does, as dotted names
    """

    name: str
    statements: tuple[Statement, ...]
    definitions: dict[str, tuple[Statement, ...]]
    imports: dict[str, tuple[Import, ...]]
    on_import: tuple[Statement, ...]
    whole: bool
    finds_code: bool
    executes: frozenset[str]


def read_source(root: Path, name: str) -> Source | None:
    """The module `name` (dotted) below `root`; None for one that is installed from elsewhere."""
    stem = root.joinpath(*name.split("."))
    for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
        if path.is_file():
            stamp = path.stat()
            return _read(path, stamp.st_mtime_ns, stamp.st_size, root, name)
    # a folder without __init__.py is a package that runs nothing
    empty = Source(name, (), {}, {}, (), whole=False, finds_code=False, executes=frozenset())
    return empty if stem.is_dir() else None


def module_name(path: Path, root: Path) -> str:
    """`memat.edit.update` of memat/edit/update.py, `memat.edit` of memat/edit/__init__.py."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _read(path: Path, _mtime: int, _size: int, root: Path, name: str) -> Source:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _statements(tree):
        holds_docstring = isinstance(node, (ast.Module, *_BINDING))
        if holds_docstring and node.body and _is_text(node.body[0]):
            node.body = node.body[1:] or [ast.Pass()]
    nodes = [node for node in tree.body if not _does_nothing(node)]
    imported = [item for node in nodes for item in _imports_of(node, package)]
    kept = [
        (node, _statement(node, package))
        for node in nodes
        if not isinstance(node, ast.Import | ast.ImportFrom)
    ]
    definitions: dict[str, tuple[Statement, ...]] = {}
    for node, statement in kept:
        for bound in _bound_names(node):
            definitions[bound] = (*definitions.get(bound, ()), statement)
    imports: dict[str, tuple[Import, ...]] = {}
    for item in imported:
        imports[item.name] = (*imports.get(item.name, ()), item)
    everything = [*imported, *(item for _, statement in kept for item in statement.imports)]
    of_library = {item.name for item in everything if _in_library(item, root)}
    plain_classes = {node.name for node in nodes if _constructs_plainly(node)}
    library_names = (of_library | definitions.keys()) - plain_classes
    return Source(
        name,
        statements=tuple(statement for _, statement in kept),
        definitions=definitions,
        imports=imports,
        on_import=tuple(
            statement for node, statement in kept if _calls_library(node, library_names)
        ),
        whole="*" in imports
        or not all(map(_only_binds, (node for node, _ in kept)))
        or any(("globals",) in statement.uses for _, statement in kept),
        finds_code=name not in LOADERS
        and (_finds_code(tree, text) or any(map(_loads, everything))),
        executes=frozenset(_executed(everything)),
    )


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and those inside it; expressions, most of a tree, are left out."""
    yield node
    for part in _BODIES:
        for inner in getattr(node, part, ()):
            yield from _statements(inner)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _does_nothing(node: ast.stmt) -> bool:
    """Docstrings, `pass`, and what only type checkers read."""
    for_types = isinstance(node, ast.If) and _chain(node.test)[-1:] == ("TYPE_CHECKING",)
    return isinstance(node, ast.Pass) or _is_text(node) or (for_types and not node.orelse)


def _statement(node: ast.stmt, package: str) -> Statement:
    imports = [item for inner in _statements(node) for item in _imports_of(inner, package)]
    return Statement(ast.dump(node), frozenset(_dotted_names(node)), tuple(imports))


def _dotted_names(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """("io", "read_table") for `io.read_table`, ("solve_keys",) for a name by itself."""
    chain = _chain(node)
    if chain:
        yield chain
        return
    for child in ast.iter_child_nodes(node):
        yield from _dotted_names(child)


def _chain(node: ast.AST) -> tuple[str, ...]:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _imports_of(node: ast.AST, package: str) -> Iterator[Import]:
    """What an import statement binds; `import a.b` binds a, `import a.b as c` binds c."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield Import(alias.asname or top, alias.name if alias.asname else top, None)
            if not alias.asname and alias.name != top:
                yield Import("", alias.name, None)  # runs, but binds nothing more
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *(node.module or "").split(".")]).strip(".")
        for alias in node.names:
            yield Import(alias.asname or alias.name, module, alias.name)


def _executed(imports: Iterable[Import]) -> Iterator[str]:
    for item in imports:
        yield item.module
        if item.member:
            yield f"{item.module}.{item.member}"


def _in_library(item: Import, root: Path) -> bool:
    top = root / item.module.split(".")[0]
    return top.is_dir() or top.with_name(f"{top.name}.py").is_file()


def _loads(item: Import) -> bool:
    names = list(_executed([item]))
    if item.module == "importlib" and item.member is None:
        return item.name != "importlib"  # `import importlib as x`; alone it binds metadata as well
    return item.module.split(".")[0] in _LOADING and not any(n in _LOADS_NOTHING for n in names)


def _finds_code(tree: ast.Module, text: str) -> bool:
    """Whether names stand in it that load code, or classes that know who derives from them."""
    # a walk through the tree takes long, and most files hold none of these words
    return bool(_FINDING_WORD.search(text)) and any(
        getattr(node, key, None) in names
        for node in ast.walk(tree)
        for key, names in _FINDS_CODE.items()
    )


def _in_targets(node: ast.stmt) -> list[ast.AST]:
    """The tree of what an assignment assigns to; of any other statement all of it."""
    targets = [node]
    if isinstance(node, _ASSIGNMENT):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [inner for target in targets for inner in ast.walk(target)]


def _bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, _BINDING):
        return {node.name}
    inside = _in_targets(node)
    stored = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.name for n in inside if isinstance(n, _BINDING)}


def _only_binds(node: ast.stmt) -> bool:
    """Whether names alone are bound: no part of an object, and nothing on the way."""
    if isinstance(node, _ASSIGNMENT):
        parts = (ast.Attribute, ast.Subscript)
        return not any(isinstance(inner, parts) for inner in _in_targets(node)) and not any(
            isinstance(inner, ast.NamedExpr) for inner in ast.walk(node)
        )
    return isinstance(node, _BINDING)


def _constructs_plainly(node: ast.stmt) -> bool:
    """Whether it is a class that runs no code of its own when an object is made."""
    return isinstance(node, ast.ClassDef) and not any(
        isinstance(inner, ast.FunctionDef) and inner.name in _CONSTRUCTORS for inner in node.body
    )


def _run_by_definition(node: ast.stmt) -> Iterator[ast.expr]:
    """What a definition calls when it is read: decorators, and what stands in a class's body.

    Default arguments are values (`LeastPrompts(1, 1)`); they count with their function.
    """
    yield from getattr(node, "decorator_list", [])
    for inner in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(inner, _BINDING):
            yield from _run_by_definition(inner)
        else:
            yield from (call.func for call in ast.walk(inner) if isinstance(call, ast.Call))


def _calls_library(node: ast.stmt, library_names: set[str]) -> bool:
    """Whether importing the module calls something of the library, or of an unknown owner."""
    if isinstance(node, _ASSIGNMENT):
        called = [inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call)]
    else:
        called = list(_run_by_definition(node))
    chains = [_chain(call.func if isinstance(call, ast.Call) else call) for call in called]
    return any(not chain or chain[0] in library_names for chain in chains)
