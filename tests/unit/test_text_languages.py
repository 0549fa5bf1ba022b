"""Language files: complete, strict, and the only place that knows a language."""

import re

import pytest
import yaml

from memat.check import _check_language
from memat.errors import LanguageError
from memat.text.languages import apply_rules, join_words, load_language
from text_samples import REPOSITORY, language

GOOD = {"code": "xx", "name": "Test", "openers": ["The"], "kl_prompt": "{} is"}


def write(tmp_path, content):
    path = tmp_path / "xx.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("code", ["en", "ca"])
def test_the_bundled_languages_load(code):
    found = language(code)
    assert found.code == code
    assert len(found.openers) >= 5
    assert found.stand_ins


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"code": None}, "'code' is missing"),
        ({"openers": []}, "'openers' is missing"),
        ({"kl_prompt": "is"}, "exactly one '{}'"),
        ({"articels": ["a"]}, "unknown key 'articels'; allowed: agreement, articles"),
        ({"articles": "the"}, "articles: must be a list"),
        ({"articles": [1]}, "articles: must be texts"),
        ({"elisions": ["d'"]}, "elisions: must be a mapping"),
        ({"duplicate_by_target": "yes"}, "must be true or false"),
        ({"source_rules": [["(", ""]]}, "is no pattern"),
        ({"translation_rules": [["a"]]}, "a rule is [pattern, replacement]"),
        ({"inflections": ["a"]}, "inflections: must be lists"),
    ],
)
def test_a_broken_language_file_names_the_key(tmp_path, change, problem):
    with pytest.raises(LanguageError) as caught:
        load_language(write(tmp_path, GOOD | change))
    assert problem in str(caught.value)
    assert "xx.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"code": "en"}, "xx.yaml: code: must be that of the file's name, found en"),
        ({"rules_for": ["apertum"]}, "rules_for: 'apertum' is unknown; allowed: apertium"),
    ],
)
def test_a_copied_language_file_and_unknown_engines_are_refused(tmp_path, change, problem):
    _check_language(write(tmp_path, GOOD | {"code": "xx"}))
    with pytest.raises(LanguageError) as caught:
        _check_language(write(tmp_path, GOOD | {"code": "xx"} | change))
    assert problem in str(caught.value)


def test_a_missing_or_unreadable_language_file_is_a_language_error(tmp_path):
    with pytest.raises(LanguageError, match="No such file"):
        load_language(tmp_path / "zz.yaml")
    path = tmp_path / "xx.yaml"
    path.write_text("a: [")
    with pytest.raises(LanguageError, match="not readable YAML"):
        load_language(path)
    path.write_text("- a")
    with pytest.raises(LanguageError, match="must map keys"):
        load_language(path)


@pytest.mark.parametrize(
    ("before", "word", "joined"),
    [
        ("La capital de ", "Anglaterra", "La capital d'Anglaterra"),
        ("La capital de ", "França", "La capital de França"),
        ("La capital d'", "Anglaterra", "La capital d'Anglaterra"),
        ("La capital d'", "França", "La capital de França"),
        ("De ", "Anna", "D'Anna"),
        ("", "Anna", "Anna"),
        ("la ciutat blade ", "Olot", "la ciutat blade Olot"),
    ],
)
def test_a_restored_name_gets_the_elision_it_asks_for(before, word, joined):
    assert join_words(language("ca"), before, word) == joined


def test_rules_apply_in_order():
    rules = ((re.compile("a"), "b"), (re.compile("b+"), "c"))
    assert apply_rules(rules, "aab a") == "c c"


def test_no_module_names_a_language():
    for path in (REPOSITORY / "workflow_scripts").rglob("*.py"):
        code = "\n".join(
            line for line in path.read_text(encoding="utf-8").splitlines() if "#" not in line
        )
        assert not re.search(r"== ?[\"'](?:ca|en)[\"']|[\"'](?:Catalan|English)[\"']", code), path


@pytest.mark.parametrize(
    ("translated", "mended"),
    [
        ("El capital d'Austràlia és Canberra.", "La capital d'Austràlia és Canberra."),
        ("Va caminar al capital de Noruega.", "Va caminar a la capital de Noruega."),
        ("El mapa del capital d'Espanya.", "El mapa de la capital d'Espanya."),
        ("El capital és escàs.", "El capital és escàs."),
    ],
)
def test_the_capital_of_a_place_is_feminine_in_catalan(translated, mended):
    assert apply_rules(language("ca").translation_rules, translated) == mended
