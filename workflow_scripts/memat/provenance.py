"""What made a file: stage, settings, code tag and package versions.

The same record is written into the metadata of every table, tensor file and
JSON file (`memat.io`), so that a result can always be traced to its making. It
holds no time and no path: equal work gives equal bytes.
"""

import ast
import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RECORDED_PACKAGES = ("torch", "transformers", "simalign", "ctranslate2", "scikit-learn", "polars")


@dataclass(frozen=True)
class Provenance:
    """The making of one file."""

    stage: str
    settings: dict
    code: str
    versions: dict = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)


def recorded_versions() -> dict[str, str]:
    """Installed versions of the packages that can change a number."""
    found = {}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def code_tag(script: Path, library_root: Path) -> str:
    """Hash of what a script and its imports inside `library_root` do.

    Comments, docstrings and layout do not count, so editing them reruns nothing.
    Packages installed from elsewhere do not count either; their versions are
    pinned and recorded by `recorded_versions`.
    """
    digest = hashlib.sha256()
    for module, content in sorted(_import_closure(script, library_root).items()):
        digest.update(str(module.relative_to(library_root)).encode())
        digest.update(content.encode())
    return digest.hexdigest()[:16]


def _import_closure(script: Path, library_root: Path) -> dict[Path, str]:
    """A script and every module it imports, directly or not, with what each does."""
    pending, found = [script.resolve()], {}
    while pending:
        module = pending.pop()
        if module not in found:
            imports, found[module] = _read_module(
                module, module.stat().st_mtime_ns, library_root.resolve()
            )
            pending.extend(imports)
    return found


@cache
def _read_module(module: Path, _mtime: int, library_root: Path) -> tuple[tuple[Path, ...], str]:
    """The modules of the library that one imports, and its syntax tree without docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    files = []
    for name in names:
        parts = name.split(".")
        # importing memat.edit.values also runs memat/__init__.py and memat/edit/__init__.py
        for depth in range(1, len(parts) + 1):
            stem = library_root.joinpath(*parts[:depth])
            files.extend(p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file())
    return tuple(files), ast.dump(tree)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = node.body[1:] or [ast.Pass()]
