"""An answer gives a target or not: examples in each language, and in one without a file."""

from pathlib import Path

import polars as pl
import pytest

from memat.evaluate.asked import ANSWER_SCHEMA
from memat.evaluate.fact_metrics import answer_metrics
from memat.evaluate.matching import is_contained, is_exact
from memat.text.language_keys import OF_ANSWERS
from memat.text.languages import language_keys, language_of

FILES = Path(__file__).resolve().parents[2] / "resources" / "languages"
LANGUAGES = {
    code: language_of(language_keys(FILES / f"{code}.yaml", OF_ANSWERS))
    for code in ("en", "ca", "es")
}
LANGUAGES["xx"] = language_of(
    dict.fromkeys(OF_ANSWERS)
)  # a language whose file has none of the keys

EXACT, CONTAINED, NO = "exact", "contained", "no"
EXAMPLES = {
    "en": [
        ("English.", "English", EXACT),
        ("ENGLISH", "English", EXACT),
        ("the piano.", "piano", EXACT),
        ("pianos", "piano", EXACT),
        ("English, and he was born in", "English", CONTAINED),
        ("the city of New York.", "New York", CONTAINED),
        ("the city of New Orleans and York.", "New York", NO),
        ("York New", "New York", NO),
        ("Englishmen.", "English", NO),
        ("the United States of America.", "United States", CONTAINED),
        ("Romania.", "Rome", NO),
        ("in Rom …", "Rom", NO),  # cut: it may go on
        ("Rome and …", "Rome", CONTAINED),
        ("Rome …", "Rome", NO),
        ("Mary.", "Marys", NO),  # names have one form
        ("", "Rome", NO),
        (" …", "Rome", NO),
        ("St. Louis, Missouri", "St. Louis", CONTAINED),
        ("“Rome”!", "Rome", EXACT),
        ("not Rome.", "Rome", CONTAINED),  # what it means is not asked
    ],
    "ca": [
        ("el piano.", "piano", EXACT),
        ("l'orgue.", "orgue", EXACT),
        ("L’orgue.", "orgue", EXACT),
        ("orgue", "l'orgue", EXACT),
        ("d'orgue", "orgue", CONTAINED),  # a preposition is no article
        ("anglesa.", "anglès", EXACT),
        ("actrius de teatre", "actor", CONTAINED),
        ("actriu", "actor", EXACT),
        ("advocada i", "advocat", CONTAINED),
        ("a l'Hospitalet.", "Hospitalet", CONTAINED),
        ("Mexic", "Mèxic", NO),  # accents count
        ("Mèxic.", "Mèxic", EXACT),  # composed otherwise
        ("Maria", "Mario", NO),
        ("Itàlia i França.", "França", CONTAINED),
        ("la Haia", "la Haia", EXACT),
        ("de la Haia", "la Haia", CONTAINED),
        ("col·legi", "col·legi", EXACT),
    ],
    "es": [
        ("la guitarra.", "guitarra", EXACT),
        ("del fútbol", "fútbol", EXACT),  # the file lists "del" as an article
        ("francesa", "francés", EXACT),
        ("frances", "francés", NO),
        ("actrices.", "actor", EXACT),
        ("en El Salvador", "El Salvador", CONTAINED),
        ("los pianos", "piano", EXACT),
        ("l'orgue", "orgue", CONTAINED),  # Spanish elides nothing
        ("España", "Espana", NO),
        ("Nueva York y Boston", "Nueva York", CONTAINED),
    ],
    "xx": [
        ("L'anglais.", "anglais", CONTAINED),
        ("anglais", "ANGLAIS", EXACT),
        ("anglaise", "anglais", NO),
        ("the piano", "piano", CONTAINED),
        ("他说英语。", "英语", CONTAINED),
        ("英语", "英语", EXACT),
        ("英国", "英语", NO),
        ("ภาษาอังกฤษ", "อังกฤษ", CONTAINED),
        ("по-русски", "русски", CONTAINED),
        ("हिन्दी में", "हिन्दी", CONTAINED),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "answer", "target", "found"),
    [(code, *example) for code, examples in EXAMPLES.items() for example in examples],
)
def test_an_answer_gives_a_target(code, answer, target, found):
    language = LANGUAGES[code]
    assert is_contained(answer, target, language) == (found != NO)
    assert is_exact(answer, target, language) == (found == EXACT)


def test_answers_become_numbers_of_the_prompt_types_they_answer():
    rows = [
        (1, "0", "en", "rewrite", 0, "piano", "the piano."),
        (1, "0", "en", "paraphrase", 0, "piano", "the piano and"),
        (1, "0", "en", "paraphrase", 1, "piano", "the flute."),
        (1, "0", "ca", "rewrite", 0, "anglès", "l'anglesa."),
        (1, "0", "ca", "neighborhood", 4, "guitarra", "el piano"),
    ]
    answers = pl.DataFrame(rows, schema=ANSWER_SCHEMA, orient="row")
    families = ["success", "generation", "exact_generation"]
    found = answer_metrics(answers, families, LANGUAGES)
    assert {(r["language"], r["metric"]): r["value"] for r in found.iter_rows(named=True)} == {
        ("en", "GA"): 1.0, ("en", "XA"): 1.0, ("en", "GP"): 0.5, ("en", "XP"): 0.0,
        ("ca", "GA"): 1.0, ("ca", "XA"): 1.0, ("ca", "GN"): 0.0, ("ca", "XN"): 0.0,
    }  # fmt: skip
    assert answer_metrics(answers, ["success"], LANGUAGES).is_empty()
    assert answer_metrics(answers.clear(), families, LANGUAGES).is_empty()
