"""Translation: names protected, each sentence once, parts put together again."""

import dataclasses
import re
import shutil

import polars as pl
import pytest

from memat.errors import ConfigError, TranslationError
from memat.text.engine import Translation, checked, engine_names, make_engine, missing
from memat.text.engines.apertium import ApertiumEngine
from memat.text.engines.table import TableEngine
from memat.text.prompts import list_prompts
from memat.text.protect import Masked, kept_targets, known_names, names_with_article, restore
from memat.text.translate import TRANSLATION_SCHEMA, translate_prompts
from text_samples import MadeUpEngine, facts_of, language, record, replace_all

needs_apertium = pytest.mark.skipif(shutil.which("apertium") is None, reason="needs Apertium")
CATALAN = {"plays the": "toca el", "performs on the": "actua al", "is good at the": "domina el"}
CATALAN |= {"It rained.": "Ha plogut.", "guitar": "guitarra"}


def translate(tmp_path, engine, *records, protect=True):
    """The translations, each beside its prompt and its source sentence."""
    prompts = list_prompts(facts_of(tmp_path, *records), "en")
    frame = translate_prompts(prompts, engine, language("en"), language("ca"), protect)
    assert dict(frame.schema) == TRANSLATION_SCHEMA
    assert frame["prompt_id"].to_list() == prompts["prompt_id"].to_list()
    return prompts.with_columns(source=pl.format("{} {}.", "prompt", "target")).join(
        frame, on="prompt_id"
    )


def test_what_is_equal_is_translated_once_for_all_prompts_that_share_it(tmp_path):
    engine = MadeUpEngine(replace_all(CATALAN))
    frame = translate(tmp_path, engine, record(1), record(2))
    assert len(engine.asked) == len(set(engine.asked))
    one, other = (frame.filter(case_id=n).drop("prompt_id", "case_id") for n in (1, 2))
    assert one.height == 10
    assert one.equals(other)


def test_groups_of_facts_are_translated_as_all_facts_together_are(tmp_path):
    records = record(1), record(2), record(3, subject="Jimi Page")
    prompts = list_prompts(facts_of(tmp_path, *records), "en")
    languages = language("en"), language("ca")
    together, *groups = (
        translate_prompts(part, MadeUpEngine(replace_all(CATALAN)), *languages)
        for part in (prompts, *prompts.partition_by("case_id"))
    )
    assert together.equals(pl.concat(groups))


def test_the_noise_is_translated_apart_and_comes_back_before_the_sentence(tmp_path):
    frame = translate(tmp_path, MadeUpEngine(replace_all(CATALAN)), record())
    row = frame.filter(source="It rained. Toko Yasuda performs on the piano.").row(0, named=True)
    assert row["source"][row["core"] :] == "Toko Yasuda performs on the piano."
    assert row["translation"] == "Ha plogut. Toko Yasuda actua al piano."
    assert row["translation"][row["translation_core"] :] == "Toko Yasuda actua al piano."


def test_a_protected_name_survives_a_translator_that_would_change_it(tmp_path):
    def translator(text):
        return replace_all(CATALAN)(text).replace("Bird Blobs", "Au Blobs")

    one = record(subject="Bird Blobs", paraphrases=["Bird Blobs performs on the"])
    for protect, kept in ((True, True), (False, False)):
        frame = translate(tmp_path, MadeUpEngine(translator), one, protect=protect)
        row = frame.filter(source="Bird Blobs plays the piano.").row(0, named=True)
        assert ("Bird Blobs" in row["translation"]) is kept


def test_a_target_that_is_a_name_is_kept_in_the_sentence_and_alone(tmp_path):
    forms = {"Apple": "Poma", "apple": "poma", "guitar": "guitarra"}
    one = record(new="Apple", paraphrases=["Toko Yasuda performs on the"])
    frame = translate(tmp_path, MadeUpEngine(replace_all(CATALAN | forms)), one)
    rows = {row["source"]: row["translation"] for row in frame.iter_rows(named=True)}
    assert rows["Toko Yasuda plays the Apple."] == "Toko Yasuda toca l'Apple."
    assert set(frame.filter(target="Apple")["plain_target"]) == {"Apple"}
    assert set(frame.filter(target="guitar")["plain_target"]) == {"guitarra"}


def test_a_stand_in_that_gets_lost_gives_way_to_the_next(tmp_path):
    first, second = language("en").stand_ins[:2]

    def translator(text):
        return replace_all(CATALAN)(text).replace(f"{first} ", "algú ")

    frame = translate(tmp_path, MadeUpEngine(translator), record())
    row = frame.filter(source="Toko Yasuda plays the piano.").row(0, named=True)
    assert row["translation"] == "Toko Yasuda toca el piano."
    assert second not in row["translation"]


def test_a_name_is_never_mistaken_for_the_stand_in_it_contains(tmp_path):
    name = f"{language('en').stand_ins[0]} Lennon"
    one = record(subject=name, paraphrases=[f"{name} performs on the"], neighbours=[])
    frame = translate(tmp_path, MadeUpEngine(replace_all(CATALAN)), one)
    assert f"{name} toca el piano." in frame["translation"].to_list()


def test_restoring_remakes_the_elision_and_wants_each_stand_in_once():
    catalan = language("ca")
    masked = Masked("", (("John", "Anna"),))
    assert restore(masked, "La mare de John és aquí.", catalan) == "La mare d'Anna és aquí."
    assert restore(masked, "La mare és aquí.", catalan) is None
    assert restore(masked, "John i John.", catalan) is None
    assert restore(masked, "Johnny canta.", catalan) is None


def test_names_known_to_the_translator_take_their_form_and_others_stay():
    forms = {"Germany": "Alemanya", "germany": "germany", "Turkey": "Turquia", "turkey": "indiot"}
    forms |= {"Apple": "Poma", "apple": "poma", "French": "francès", "french": "francès"}

    def translator(text):
        return (
            " ".join(forms.get(word.rstrip("."), word.rstrip(".")) for word in text.split()) + "."
        )

    engine = MadeUpEngine(translator)
    catalan = language("ca")
    names = known_names(engine.translate, ["Germany", "Turkey", "Apple", "Red Apple"], catalan)
    assert names == {
        "Germany": "Alemanya",
        "Turkey": "Turquia",
        "Apple": "Apple",
        "Red Apple": "Red Apple",
    }
    assert kept_targets(engine.translate, ["Germany", "Apple", "French"], catalan) == {"Apple"}


def test_rules_apply_only_to_the_engines_they_were_written_for(tmp_path):
    rule = ((re.compile("toca"), "sona"),)
    catalan = dataclasses.replace(language("ca"), translation_rules=rule, source_rules=())
    prompts = list_prompts(facts_of(tmp_path, record()), "en")
    for engines, verb in ((("made_up",), "sona"), (("other",), "toca")):
        ruled = dataclasses.replace(catalan, rules_for=engines)
        engine = MadeUpEngine(replace_all(CATALAN))
        frame = translate_prompts(prompts, engine, language("en"), ruled)
        assert f"Toko Yasuda {verb} el piano." in frame["translation"].to_list()


def test_a_table_answers_whole_sources_and_leaves_the_rest_empty(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(
        "source,translation\n"
        "Toko Yasuda plays the piano.,Toko Yasuda toca el piano.\n"
        "It rained. Toko Yasuda performs on the piano.,Ha plogut. Toko Yasuda actua al piano.\n",
        encoding="utf-8",
    )
    frame = translate(tmp_path, TableEngine(table), record())
    rows = {row["source"]: row for row in frame.iter_rows(named=True)}
    noisy = rows["It rained. Toko Yasuda performs on the piano."]
    assert noisy["translation"][noisy["translation_core"] :] == "Toko Yasuda actua al piano."
    assert rows["Toko Yasuda plays the guitar."]["translation"] == ""
    with pytest.raises(TranslationError, match="has none of the"):
        translate(
            tmp_path, TableEngine(table), record(subject="Nobody", paraphrases=[], neighbours=[])
        )


def test_a_table_with_semicolons_is_read_and_faults_of_its_rows_are_named(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("source;translation\nRome, it is.;Roma, ho és.\n", encoding="utf-8")
    assert TableEngine(table).known == {"Rome, it is.": "Roma, ho és."}
    table.write_text("source,translation\nA,B\nRome, it is,Roma\n", encoding="utf-8")
    with pytest.raises(TranslationError, match=r"line 3 has 3 cells, the first line 2: .*quotes"):
        TableEngine(table)
    table.write_text("source,translation\nA,B\nA,B\nC,D\nA,E\n", encoding="utf-8")
    with pytest.raises(TranslationError, match="'A' has two translations: 'B' and 'E'"):
        TableEngine(table)


@pytest.mark.parametrize("content", ["a,b\n1,2\n", ""])
def test_a_broken_table_is_refused(tmp_path, content):
    table = tmp_path / "table.csv"
    table.write_text(content)
    with pytest.raises(TranslationError, match=r"translate\.table\.path"):
        TableEngine(table)


def test_an_engine_that_loses_a_sentence_is_refused():
    with pytest.raises(TranslationError, match="2 sentences went in, 1 came out"):
        checked("x", ["a", "b"], [Translation("a")])


def test_unknown_and_missing_engines_are_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=f"allowed: {', '.join(engine_names())}"):
        make_engine({"engine": "deepl", "batch_size": 1})
    with pytest.raises(TranslationError, match="other engines: ctranslate2, table, transformers"):
        ApertiumEngine("eng-cat", program="apertium-that-is-not-there")


@needs_apertium
def test_apertium_keeps_sentences_apart_and_in_order():
    engine = ApertiumEngine("eng-cat")
    sentences = ["Anna was born in Rome.", "Anna reads\nbooks.", "Is Anna here?", "Anna sings"]
    together = engine.translate(sentences)
    alone = [engine.translate([sentence])[0] for sentence in sentences]
    assert together == alone
    assert all(t.text.endswith((".", "?")) for t in together)
    assert engine.translate(["The xqzzt is red."])[0].unknown == ("xqzzt",)


@needs_apertium
def test_apertium_answers_a_wrong_pair_with_a_translation_error():
    with pytest.raises(TranslationError, match=r"no pair 'xxx-yyy' is installed .*eng-cat"):
        ApertiumEngine("xxx-yyy").translate(["One."])


def test_what_keeps_apertium_from_translating_is_known_before_a_job(tmp_path, monkeypatch):
    program = tmp_path / "apertium"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("memat.text.engines.apertium.PROGRAM", str(program))
    settings = {"engine": "apertium", "apertium": {"pair": "eng-glg"}}
    assert "is not installed (Debian: apertium-eng-glg)" in missing(settings)
    program.write_text("#!/bin/sh\nprintf '  en-gl\\n  eng-cat\\n'\n", encoding="utf-8")
    program.chmod(0o755)
    told = missing(settings)
    assert told.startswith("apertium: pair: no pair 'eng-glg' is installed")
    assert "installed: en-gl, eng-cat" in told
    assert missing({"engine": "apertium", "apertium": {"pair": "en-gl"}}) is None
    assert missing({"engine": "table", "table": {}}) is None


@needs_apertium
def test_protection_keeps_every_subject_through_apertium(tmp_path):
    names = ["Bird Blobs", "Apple Corps", "Red Square", "The Rolling Stones", "Ada Lovelace"]
    records = [
        record(i, subject=name, paraphrases=[f"The instrument of {name} is the"])
        for i, name in enumerate(names)
    ]
    frame = translate(tmp_path, ApertiumEngine("eng-cat"), *records)
    for row in frame.filter(frame["subject"].is_in(names)).iter_rows(named=True):
        assert row["subject"] in row["translation"], row
    assert "L'instrument d'Ada Lovelace és el piano." in frame["translation"].to_list()


@needs_apertium
def test_apertium_translates_back_and_knows_a_sentence_without_a_verb():
    back = ApertiumEngine("eng-cat").back()
    assert back.pair == "cat-eng"
    sentences = [
        "El Thames mentides damunt la ciutat.",
        "Anna va néixer a Roma.",
        "$(exit 1) ^x$ [<a>]",
    ]
    assert back.has_verb(sentences) == [False, True, False]
    assert ApertiumEngine("eng-cat", modes="/nowhere").has_verb(sentences) == []
    assert ApertiumEngine("xxx-yyy").back() is None


@needs_apertium
def test_names_take_the_article_of_the_language_and_surnames_stay():
    translate, catalan = ApertiumEngine("eng-cat").translate, language("ca")
    names = ["The Danube", "The Ebro", "The Trial", "The Beatles", "Larry Wall"]
    found = names_with_article(translate, names, language("en").articles, catalan)
    assert found == {"The Danube": "el Danubi", "The Ebro": "l'Ebre"}
    people = ["Larry Wall", "Leo Tolstoy", "North Sea"]
    assert kept_targets(translate, people, catalan) == {"Larry Wall"}
    masked = Masked("", (("John", "el Danubi"),))
    assert restore(masked, "Les aigües de John.", catalan) == "Les aigües del Danubi."
