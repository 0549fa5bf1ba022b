"""The code tag changes with what code does, and with nothing else."""

import pytest

from memat.provenance import code_tag

SCRIPT = '''"""Says hello."""

from memat.words import greeting


def main():
    return greeting("you")
'''
WORDS = '''"""Words."""

from memat.marks import MARK


def greeting(name):
    """A greeting."""
    return f"hello {name}{MARK}"
'''


@pytest.fixture
def library(tmp_path):
    files = {"memat/__init__.py": "", "memat/words.py": WORDS, "memat/marks.py": 'MARK = "!"\n'}
    for name, text in (files | {"memat/unused.py": "X = 1\n", "hello.py": SCRIPT}).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def tag_after(library, name: str, old: str, new: str) -> str:
    path = library / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return code_tag(library / "hello.py", library)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("hello.py", '"""Says hello."""', '"""Greets."""'),
        ("memat/words.py", '    """A greeting."""\n', ""),
        ("memat/words.py", "    return", "    # politely\n    return"),
        ("memat/words.py", "def greeting(name):", "def greeting(\n    name,\n):"),
        ("memat/unused.py", "X = 1", "X = 2"),
    ],
    ids=["script docstring", "docstring removed", "comment", "layout", "module not imported"],
)
def test_words_about_code_do_not_count(library, name, old, new):
    before = code_tag(library / "hello.py", library)
    assert tag_after(library, name, old, new) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("hello.py", '"you"', '"me"'),
        ("memat/words.py", "hello", "good day"),
        ("memat/marks.py", '"!"', '"?"'),
        ("memat/__init__.py", "", "Y = 1\n"),
    ],
    ids=["script", "imported module", "imported by an import", "package"],
)
def test_what_code_does_counts(library, name, old, new):
    before = code_tag(library / "hello.py", library)
    assert tag_after(library, name, old, new) != before


def test_imports_inside_functions_count(library):
    tag_after(library, "hello.py", "    return", "    from memat.unused import X\n\n    return")
    before = code_tag(library / "hello.py", library)
    assert tag_after(library, "memat/unused.py", "X = 1", "X = 2") != before


def test_renamed_module_counts_once_imported(library):
    before = code_tag(library / "hello.py", library)
    (library / "memat/marks.py").rename(library / "memat/signs.py")
    assert tag_after(library, "memat/words.py", "memat.marks", "memat.signs") != before


def test_tag_does_not_depend_on_the_place(library, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for path in library.rglob("*.py"):
        target = elsewhere / path.relative_to(library)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    assert code_tag(library / "hello.py", library) == code_tag(elsewhere / "hello.py", elsewhere)
