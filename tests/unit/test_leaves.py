"""Leaves are found by file name, imported only when asked for, and misspelt names are said."""

import sys

import pytest

from memat.errors import ConfigError
from memat.leaves import leaf_names, leaf_path, load_leaf


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "orchard"
    folder.mkdir()
    for name in ("__init__", "_helper", "pear", "apple"):
        (folder / f"{name}.py").write_text(f"LABEL = {name!r}\n")
    (folder / "broken.py").write_text("raise RuntimeError('imported')\n")
    (folder / "notes.txt").write_text("no leaf")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "orchard"]:
        del sys.modules[name]


def test_names_are_sorted_file_names_and_nothing_is_imported(package):
    assert leaf_names("orchard") == ("apple", "broken", "pear")


def test_a_leaf_is_loaded_by_name(package):
    assert load_leaf("orchard", "pear").LABEL == "pear"
    assert leaf_path("orchard", "pear") == package / "pear.py"


@pytest.mark.parametrize("asked", [load_leaf, leaf_path])
@pytest.mark.parametrize("name", ["peer", "_helper", "../pear", "pear.py"])
def test_an_unknown_name_is_refused_with_the_known_ones(package, asked, name):
    with pytest.raises(ConfigError, match=r"orchard: .*allowed: apple, broken, pear"):
        asked("orchard", name)


def test_a_misspelt_name_gets_a_suggestion(package):
    with pytest.raises(ConfigError, match="did you mean 'pear'"):
        load_leaf("orchard", "peer")
