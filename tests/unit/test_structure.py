"""How the code is laid out: small files, no circle of imports, doors in one direction."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "workflow_scripts"
LIBRARY = sorted((SCRIPTS / "memat").rglob("*.py"))
RULES = sorted([REPOSITORY / "Snakefile", *(REPOSITORY / "rules").rglob("*.smk")])
STAGES = sorted(SCRIPTS.glob("*.py"))


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def module_of(path):
    return ".".join(path.relative_to(SCRIPTS).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in LIBRARY}


def statements(tree):
    """All of them, but for imports that only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield node
            yield from statements(node)


def imported(path):
    """Modules of the library, and packages from elsewhere, that a file names anywhere in it."""
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in below)


@pytest.mark.parametrize(("files", "most"), [(LIBRARY, 300), (RULES, 300), (STAGES, 50)])
def test_no_file_is_long(files, most):
    assert len(files) > 15
    assert {str(path): lines(path) for path in files if lines(path) > most} == {}


def test_no_circle_of_imports():
    graph = {
        name: {other for other in imported(path) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }
    assert graph["memat.heads.corrections"] >= {"memat.heads.deployment", "memat.errors"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("package", "may"),
    [("snakemake", ()), ("memat.report", ("report",)), ("memat.editor", ("editor",))],
)
def test_doors_open_in_one_direction(package, may):
    """The library knows no Snakemake, and no other part of it the report or the editor."""
    inside = {
        module_of(path)
        for path in LIBRARY
        if path.parent.name not in may
        for name in imported(path)
        if name == package or name.startswith(f"{package}.")
    }
    assert inside == set()
