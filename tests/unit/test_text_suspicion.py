"""Suspicious translations come first: a sample marked by hand, and what each sign is about."""

import csv
from dataclasses import replace

import pytest

from memat.text.suspicion import Translated, suspicions
from text_samples import REPOSITORY, language

ENGLISH, CATALAN = language("en"), language("ca")
# 100 sentences, marked by a person before the points were chosen; chosen on every other pair
MARKED = REPOSITORY / "tests" / "data" / "marked_translations.csv"


def translated(row: dict) -> Translated:
    frame = row["source"].replace(row["subject"], "{}").removesuffix(f"{row['target']}.")
    return Translated(
        source=row["source"],
        translation=row["translation"],
        subject=row["subject"],
        form=row["translated_subject"],
        target=row["target"],
        group=f"{row['relation']} {frame}",
        unknown=row["unknown"].split(),
        back=row["back"] or None,
        verb=row["verb"] == "true",
        subject_as_word=row["subject_as_word"] or None,
    )


def test_the_marked_sample_has_its_bad_translations_first():
    with open(MARKED, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    bad = [row["mark"] == "bad" for row in rows]
    assert (len(rows), sum(bad)) == (100, 67)
    found = suspicions([translated(row) for row in rows], ENGLISH, CATALAN)
    order = sorted(range(100), key=lambda i: -found[i].points)
    # at random 13.4 of the first 20 are bad; measured: 19
    assert sum(bad[i] for i in order[:20]) >= 18
    # at random 6.6 of the last 20 are good; measured: 13
    assert sum(not bad[i] for i in order[-20:]) >= 11


GOOD = Translated(
    "Ada Lovelace was born in London.",
    "Ada Lovelace va néixer a Londres.",
    "Ada Lovelace",
    "Ada Lovelace",
    "London",
    "born",
    back="Ada Lovelace was born in London.",
    verb=True,
)
THAMES = {"subject": "The Thames", "form": "The Thames"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"translation": "Ada Lovelace was néixer in Londres."}, "left_untranslated(was in)"),
        (THAMES | {"translation": "The Thames és a Londres."}, "article_of_subject_left"),
        (
            {"subject": "Bernard of Chartres", "form": "Bernard of Chartres"},
            "words_of_subject_left",
        ),
        ({"subject": "Iron", "form": "Iron", "subject_as_word": "ferro"}, "subject_may_be_a_word"),
        ({"target": "Larry Wall", "translation": "Va amb Larry Emmurallar."}, "part_of_target"),
        ({"unknown": ["schoolchildren"]}, "unknown_words(schoolchildren)"),
        ({"back": "Ada Lovelace is raced since London."}, "back_translation_without(born)"),
        ({"verb": False}, "no_verb"),
        ({"surprisal_z": 1.2}, "surprising"),
        ({"source": "Who was it? Ada Lovelace in London."}, "question"),
        (
            {"translation": "Ada Lovelace va ben bé haver de néixer dins de tot a Londres."},
            "length",
        ),
    ],
)
def test_each_sign_has_points_and_a_reason(changes, reason):
    usual = [GOOD] * 3
    (*_, good) = suspicions([*usual, GOOD], ENGLISH, CATALAN)
    (*_, found) = suspicions([*usual, replace(GOOD, **changes)], ENGLISH, CATALAN)
    assert (good.points, good.reasons) == (0, ())
    assert found.points > 0
    assert any(reason in one for one in found.reasons), found.reasons


def test_one_that_differs_from_its_relation_is_the_odd_one_out():
    others = [
        replace(GOOD, subject=name, form=name, translation=f"{name} va néixer a Roma.")
        for name in ("Ana", "Eva", "Pau")
    ]
    odd = replace(GOOD, translation="Ada Lovelace naixia dins Londres.")
    *rest, found = suspicions([*others, odd], ENGLISH, CATALAN)
    assert "translated_unlike_its_relation" in found.reasons
    assert not any("translated_unlike_its_relation" in one.reasons for one in rest)
