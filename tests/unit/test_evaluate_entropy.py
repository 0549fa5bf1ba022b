"""N-gram entropy of answers against plain counting, and what the table of damage makes of it."""

from math import log2
from random import Random

import numpy as np
import polars as pl
import pytest

import report_damage
from memat import io
from memat.evaluate.asked import ANSWER_SCHEMA
from memat.evaluate.entropy import text_entropy, tokens_of
from memat.evaluate.intervals import BootstrapSettings
from memat.provenance import Provenance
from memat.report.damage import entropy_frame

SETTINGS = BootstrapSettings(200)


def plain_entropy(tokens):
    """As ROME's evaluation has it: entropies times (2/3, 4/3), then their mean."""
    found = []
    for n, weight in ((2, 2 / 3), (3, 4 / 3)):
        grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
        shares = np.array([grams.count(gram) / len(grams) for gram in set(grams)])
        found.append(weight * -(shares * np.log2(shares)).sum())
    return sum(found) / 2


@pytest.mark.parametrize("seed", range(20))
def test_entropy_equals_plain_counting(seed):
    random = Random(seed)
    tokens = [random.choice("abcd") for _ in range(random.randint(3, 30))]
    assert text_entropy(" ".join(tokens)) == pytest.approx(plain_entropy(tokens), abs=1e-12)


def test_it_is_0_for_one_word_over_and_over_and_the_logarithm_of_n_grams_that_differ():
    assert text_entropy("the the the the the the") == 0
    assert text_entropy("one two three four five") == pytest.approx(log2(4) / 3 + 2 * log2(3) / 3)


def test_short_answers_have_none_and_the_mark_of_a_cut_counts_for_nothing():
    assert text_entropy("") is None
    assert text_entropy("French.") is None
    assert text_entropy("one two …") is None
    assert text_entropy("one two three …") == text_entropy("one two three")


def test_words_and_marks_are_tokens():
    assert tokens_of("L'orgue, l'Orgue!") == ["l", "'", "orgue", ",", "l", "'", "orgue", "!"]
    assert tokens_of("日本語 ok") == ["日", "本", "語", "ok"]


def answers(texts, language="en", block="0"):
    """Answers of facts 0, 1, …, two prompts each."""
    rows = [
        (case, block, language, "rewrite", index, "wanted", text)
        for case, pair in enumerate(texts)
        for index, text in enumerate(pair)
    ]
    return pl.DataFrame(rows, schema=ANSWER_SCHEMA, orient="row")


TEXTS = [("a b c d e", "a b a b a b"), ("x y z z y x y z", "so so so so"), ("no", "a b c a b c")]
EDITED = [("a a a a a", "a b a b a b"), ("x y z", "so so so it is"), ("no no no no no", "Yes.")]


def test_means_are_over_facts_and_differences_over_prompts_that_both_answer():
    table = entropy_frame({"e": answers(EDITED)}, answers(TEXTS), SETTINGS)
    # of the third fact each prompt has one answer that is too short
    new, old = (
        [[plain_entropy(tokens_of(text)) for text in pair] for pair in texts[:2]]
        for texts in (EDITED, TEXTS)
    )
    values = {row["measure"]: row for row in table.iter_rows(named=True)}
    assert values["entropy"]["value"] == pytest.approx(np.mean(new))
    assert values["entropy_unedited"]["value"] == pytest.approx(np.mean(old))
    change = values["entropy_difference"]
    assert change["value"] == pytest.approx(np.mean(new) - np.mean(old))
    assert change["value"] < 0, "this edit repeats itself"
    assert change["low"] <= change["value"] <= change["high"]
    assert (change["n_texts"], change["n_tokens"]) == (4, 5 + 6 + 3 + 5)


def test_equal_answers_differ_by_nothing_in_every_language():
    both = pl.concat([answers(TEXTS), answers(TEXTS, "ca")])
    table = entropy_frame({"e": both}, both, SETTINGS).filter(measure="entropy_difference")
    assert sorted(table["eval_language"]) == ["ca", "en"]
    assert not table.select("value", "low", "high").to_numpy().any()


def test_without_an_unedited_row_the_edited_one_stands_alone():
    table = entropy_frame({"e": answers(TEXTS)}, None, SETTINGS)
    assert table["measure"].to_list() == ["entropy"]
    assert table["n_texts"][0] == 5
    assert entropy_frame({"e": answers([])}, None, SETTINGS).height == 0


def test_the_script_finds_answers_by_row(tmp_path):
    paths = {}
    for name, texts in (("unedited", TEXTS), ("edited", EDITED), ("told", TEXTS)):
        paths[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(paths[name], answers(texts), Provenance("test", {}, "0"))
    methods = {"unedited": "unedited", "edited": "memit", "told": "in_context"}
    rows = [{"name": n, "method": m, "answers": [paths[n]]} for n, m in methods.items()]
    given = [paths["unedited"], paths["edited"]]
    unedited, edited = report_damage.answers_of(rows, given, {"edited": []})
    assert unedited["answer"].to_list() == answers(TEXTS)["answer"].to_list()
    assert edited["edited"]["answer"].to_list() == answers(EDITED)["answer"].to_list()
    assert report_damage.answers_of(rows[1:], given[1:], {"edited": []})[0] is None
