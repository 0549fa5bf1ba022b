"""Structure repair: prompt + target is the translated sentence; every loss has a reason."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memat.text.repair import split_prompt
from memat.text.spans import ends_with_word
from text_samples import INSTRUMENTS, check_invariants, language, record, repaired


def test_prompt_and_target_are_the_translated_sentence(tmp_path):
    prompts, rejected = repaired(tmp_path, record(1), record(2, new="organ"))
    check_invariants(prompts, rejected)
    assert rejected.is_empty()
    assert prompts.height == 2 * 10
    rows = {(r["case_id"], r["role"], r["prompt_type"]): r for r in prompts.iter_rows(named=True)}
    assert rows[1, "target_new", "rewrite"]["template"] == "{} toca el"
    assert rows[1, "target_true", "rewrite"]["template"] == "{} toca la"
    assert rows[1, "target_true", "rewrite"]["target"] == "guitarra"


def test_an_elided_article_stays_in_the_prompt_and_joins_the_target(tmp_path):
    prompts, _ = repaired(tmp_path, record(2, new="organ"))
    row = prompts.filter(prompt_type="rewrite", role="target_new").row(0, named=True)
    assert (row["prompt"], row["target"], row["joined"]) == ("Toko Yasuda toca l'", "orgue", True)


def test_an_elided_preposition_before_the_subject_stays_in_the_template(tmp_path):
    catalan = INSTRUMENTS | {"The instrument of": "L'instrument de", "is the": "és el"}
    catalan |= {"el guitar": "la guitarra"}
    one = record(
        prompt="The instrument of {} is the", subject="Anna", paraphrases=["Anna plays the"]
    )
    prompts, rejected = repaired(tmp_path, one, catalan=catalan)
    check_invariants(prompts, rejected)
    row = prompts.filter(prompt_type="rewrite", role="target_new").row(0, named=True)
    assert row["template"] == "L'instrument d'{} és el"


def test_every_prompt_is_either_repaired_or_rejected(tmp_path):
    records = [record(1), record(2, new="organ"), record(3, prompt="{} sells the")]
    catalan = {"John sells the guitar.": "De guitarra ven John."} | INSTRUMENTS
    prompts, rejected = repaired(tmp_path, *records, catalan=catalan)
    check_invariants(prompts, rejected)
    single = rejected.filter(pl.col("prompt_type") != "record")
    lost_records = rejected.filter(prompt_type="record")["case_id"].to_list()
    assert lost_records == [3]
    assert rejected.filter(prompt_type="record")["reason"].to_list() == ["target_not_final"]
    assert single["role"].to_list() == ["target_true"]
    assert prompts["case_id"].unique().to_list() == [1, 2]


def test_known_forms_settle_a_sentence_whose_alignment_slips(tmp_path):
    prompts, rejected = repaired(tmp_path, record(1), wrong=["performs"])
    assert rejected.is_empty()
    fixed = prompts.filter(prompt_type="paraphrase", index=0)
    assert fixed["target"].to_list() == ["piano", "guitarra"]
    assert all("target_by_form" in flags for flags in fixed["flags"])


@pytest.mark.parametrize(
    ("translated", "reason"),
    [
        ("", "empty_translation"),
        ("El piano és de John.", "target_not_final"),
        ("John i John toquen el piano.", "subject_not_found"),
        ("Algú toca el piano.", "subject_not_found"),
    ],
)
def test_a_lost_rewrite_is_a_rejected_record_with_its_reason(tmp_path, translated, reason):
    catalan = {
        f"{name} blows the piano.": translated.replace("John", name)
        for name in ("John", "Peter", "Toko Yasuda")
    }
    if "John i" in translated:
        # both stand-ins come out twice, and the unprotected sentence holds no subject at all
        catalan["Toko Yasuda blows the piano."] = "Ella toca el piano."
    one = record(5, prompt="{} blows the")
    prompts, rejected = repaired(tmp_path, one, catalan=catalan | INSTRUMENTS)
    assert prompts.is_empty()
    assert rejected.filter(prompt_type="record").select("case_id", "reason").rows() == [(5, reason)]


def test_a_subject_that_stands_twice_is_ambiguous(tmp_path):
    catalan = INSTRUMENTS | {
        f"{n} blows the piano.": f"{n} bufa, {n}, el piano."
        for n in ("John", "Peter", "Toko Yasuda")
    }
    _, rejected = repaired(tmp_path, record(5, prompt="{} blows the"), catalan=catalan)
    assert "subject_ambiguous" in rejected.filter(prompt_type="record")["reason"].to_list()


NAMES = st.text(alphabet="abAÉ '.,-", min_size=1, max_size=10)


@settings(max_examples=30, deadline=None)
@given(name=NAMES, verb=st.sampled_from(["toca el", "toca l'", "", "{} el", "d'"]))
def test_any_subject_and_translation_keep_the_invariants(tmp_path_factory, name, verb):
    if not name.strip():
        return
    name = name.strip()
    one = record(subject=name, paraphrases=[f"{name} performs on the"])
    catalan = INSTRUMENTS | {"plays the ": f"{verb} " if not verb.endswith("'") else verb}
    prompts, rejected = repaired(tmp_path_factory.mktemp("any"), one, catalan=catalan)
    check_invariants(prompts, rejected)
    assert prompts.height or not rejected.is_empty()


@pytest.mark.parametrize(
    ("before", "prompt", "joined"),
    [
        ("X toca el ", "X toca el", False),
        ("X toca l'", "X toca l'", True),
        ("X toca l' ", "X toca l'", False),
        ("", "", False),
    ],
)
def test_the_cut_keeps_the_article_and_notices_elision(before, prompt, joined):
    assert split_prompt(before, language("ca")) == (prompt, joined)


@pytest.mark.parametrize(
    ("text", "form", "at"),
    [("Toca el piano.", "piano", 8), ("Toca el piano!?", "Piano", 8), ("repiano", "piano", None)],
)
def test_a_form_ends_a_sentence_only_as_whole_words(text, form, at):
    assert ends_with_word(text, form) == at
