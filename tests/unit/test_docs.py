"""The page of settings is that of the config: complete, explained, and up to date."""

import runpy
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = runpy.run_path(str(REPOSITORY / "docs" / "configuration.py"))


def test_the_page_is_made_from_the_config_as_it_is():
    written = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == MODULE["page"](), "run `make docs`"


def test_every_key_is_explained_in_the_config():
    text = (REPOSITORY / "config.yaml").read_text(encoding="utf-8")
    comments = MODULE["comments_of"](text)
    keys = dict(MODULE["leaves"](yaml.safe_load(text)))
    assert [key for key in keys if not comments[key]] == []


def test_comments_beside_above_and_below_a_key_are_its_own():
    text = """
# --- a heading ---
# above
one:
  two: 1        # beside
                # and below
  three: 2
  # of the next
  four: 3
"""
    assert MODULE["comments_of"](text) == {
        "one": "above",
        "one.two": "beside and below",
        "one.three": "",
        "one.four": "of the next",
    }
