"""Structure repair: prompt + target is the translated sentence; every loss has a reason."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memat.errors import CorrectionsFileError
from memat.text.align import ALIGNMENT_SCHEMA
from memat.text.repair import repair_facts, split_prompt
from memat.text.reviewed import read_corrections
from memat.text.spans import ends_with_word, occurrences, without_final_punctuation
from memat.text.translate import translate_facts
from memat.text.words import words_of
from text_samples import MadeUpEngine, facts_of, language, record, replace_all

CATALAN = {"plays the": "toca el", "performs on the": "actua al", "is good at the": "domina el"}
CATALAN |= {"el guitar": "la guitarra", "al guitar": "a la guitarra", "It rained.": "Ha plogut."}
CATALAN |= {"el organ": "l'orgue", "al organ": "a l'orgue", "guitar.": "guitarra."}
CATALAN |= {"organ.": "orgue."}
DICTIONARY = {"guitar": "guitarra", "organ": "orgue", "piano": "piano"}


def alignments_of(translations, wrong=()):
    """A perfect aligner for this little language; pairs of `wrong` sources point elsewhere."""
    rows = []
    for row in translations.iter_rows(named=True):
        source = row["source"][row["source_core"] :]
        text = row["translation"][row["translation_core"] :]
        source_words, words = words_of(source), words_of(text)
        pairs = []
        for s, word in enumerate(source_words):
            wanted = DICTIONARY.get(word, word)
            pairs += [{"s": s, "t": t} for t, other in enumerate(words) if other == wanted][:1]
        if any(part in source for part in wrong):
            pairs = [{"s": pair["s"], "t": 0} for pair in pairs]
        rows.append([source, text, source_words, words, pairs])
    frame = pl.DataFrame(rows, schema=ALIGNMENT_SCHEMA, orient="row")
    return frame.unique(["source", "translation"], maintain_order=True)


def repaired(tmp_path, *records, catalan=CATALAN, wrong=(), reviewed=None):
    facts = facts_of(tmp_path, *records)
    translations = translate_facts(
        facts, MadeUpEngine(replace_all(catalan)), language("en"), language("ca")
    )
    alignments = alignments_of(translations, wrong)
    return repair_facts(facts, translations, alignments, language("ca"), reviewed)


def check_invariants(prompts, rejected, facts_height=None):
    for row in prompts.iter_rows(named=True):
        space = "" if row["joined"] else " "
        sentence = row["prompt"] + space + row["target"]
        if "reviewed" not in row["flags"]:
            assert sentence == without_final_punctuation(row["translation"]), row
        assert row["prompt"] == row["prompt"].rstrip()
        assert (row["kind"] == "rewrite") == (row["template"] is not None)
        if row["template"] is not None:
            assert row["template"].count("{}") == 1
            assert row["template"].replace("{}", row["subject"]) == row["prompt"]
            assert len(occurrences(row["prompt"], row["subject"])) == 1
    assert prompts.select("case_id", "role", "kind", "index").is_duplicated().sum() == 0
    assert rejected["reason"].null_count() == 0
    assert rejected.filter(pl.col("reason") == "").is_empty()


def test_prompt_and_target_are_the_translated_sentence(tmp_path):
    prompts, rejected = repaired(tmp_path, record(1), record(2, new="organ"))
    check_invariants(prompts, rejected)
    assert rejected.is_empty()
    assert prompts.height == 2 * 10
    rows = {(r["case_id"], r["role"], r["kind"]): r for r in prompts.iter_rows(named=True)}
    assert rows[1, "target_new", "rewrite"]["template"] == "{} toca el"
    assert rows[1, "target_true", "rewrite"]["template"] == "{} toca la"
    assert rows[1, "target_true", "rewrite"]["target"] == "guitarra"


def test_an_elided_article_stays_in_the_prompt_and_joins_the_target(tmp_path):
    prompts, _ = repaired(tmp_path, record(2, new="organ"))
    row = prompts.filter(kind="rewrite", role="target_new").row(0, named=True)
    assert (row["prompt"], row["target"], row["joined"]) == ("Toko Yasuda toca l'", "orgue", True)


def test_an_elided_preposition_before_the_subject_stays_in_the_template(tmp_path):
    catalan = CATALAN | {"The instrument of": "L'instrument de", "is the": "és el"}
    catalan |= {"el guitar": "la guitarra"}
    one = record(
        prompt="The instrument of {} is the", subject="Anna", paraphrases=["Anna plays the"]
    )
    prompts, rejected = repaired(tmp_path, one, catalan=catalan)
    check_invariants(prompts, rejected)
    row = prompts.filter(kind="rewrite", role="target_new").row(0, named=True)
    assert row["template"] == "L'instrument d'{} és el"


def test_every_prompt_is_either_repaired_or_rejected(tmp_path):
    records = [record(1), record(2, new="organ"), record(3, prompt="{} sells the")]
    catalan = {"John sells the guitar.": "De guitarra ven John."} | CATALAN
    prompts, rejected = repaired(tmp_path, *records, catalan=catalan)
    check_invariants(prompts, rejected)
    single = rejected.filter(pl.col("kind") != "record")
    lost_records = rejected.filter(kind="record")["case_id"].to_list()
    assert lost_records == [3]
    assert rejected.filter(kind="record")["reason"].to_list() == ["target_not_final"]
    assert single["role"].to_list() == ["target_true"]
    assert prompts["case_id"].unique().to_list() == [1, 2]


def test_known_forms_settle_a_sentence_whose_alignment_slips(tmp_path):
    prompts, rejected = repaired(tmp_path, record(1), wrong=["performs"])
    assert rejected.is_empty()
    fixed = prompts.filter(kind="paraphrase", index=0)
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
    prompts, rejected = repaired(tmp_path, one, catalan=catalan | CATALAN)
    assert prompts.is_empty()
    assert rejected.filter(kind="record").select("case_id", "reason").rows() == [(5, reason)]


def test_a_subject_that_stands_twice_is_ambiguous(tmp_path):
    catalan = CATALAN | {
        f"{n} blows the piano.": f"{n} bufa, {n}, el piano."
        for n in ("John", "Peter", "Toko Yasuda")
    }
    _, rejected = repaired(tmp_path, record(5, prompt="{} blows the"), catalan=catalan)
    assert "subject_ambiguous" in rejected.filter(kind="record")["reason"].to_list()


NAMES = st.text(alphabet="abAÉ '.,-", min_size=1, max_size=10)


@settings(max_examples=30, deadline=None)
@given(name=NAMES, verb=st.sampled_from(["toca el", "toca l'", "", "{} el", "d'"]))
def test_any_subject_and_translation_keep_the_invariants(tmp_path_factory, name, verb):
    if not name.strip():
        return
    name = name.strip()
    one = record(subject=name, paraphrases=[f"{name} performs on the"])
    catalan = CATALAN | {"plays the ": f"{verb} " if not verb.endswith("'") else verb}
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


# --- corrections ----------------------------------------------------------------------------


def corrections(tmp_path, *lines):
    path = tmp_path / "corrections.csv"
    path.write_text("case_id,role,kind,index,prompt,target\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def test_corrections_touch_only_the_rows_they_name(tmp_path):
    records = [record(1), record(2)]
    facts = facts_of(tmp_path, *records)
    reviewed = read_corrections(
        corrections(
            tmp_path,
            '1,target_new,rewrite,0,"{}, amb el",piano',
            "1,target_new,paraphrase,1,Toko Yasuda excel·leix al,piano",
            "1,target_true,neighborhood,0,,",
        ),
        facts,
    )
    before, _ = repaired(tmp_path, *records)
    after, rejected = repaired(tmp_path, *records, reviewed=reviewed)
    check_invariants(after, rejected)
    keys = ["case_id", "role", "kind", "index"]
    changed = after.join(before, on=keys).filter(pl.col("prompt") != pl.col("prompt_right"))
    assert changed.select(keys).rows() == [
        (1, "target_new", "rewrite", 0),
        (1, "target_new", "paraphrase", 1),
    ]
    assert changed["prompt"].to_list() == ["Toko Yasuda, amb el", "Toko Yasuda excel·leix al"]
    dropped = before.join(after, on=keys, how="anti").select(keys).rows()
    assert dropped == [(1, "target_true", "neighborhood", 0)]
    assert rejected["reason"].to_list() == ["dropped_by_review"]


def test_a_correction_brings_a_lost_record_back(tmp_path):
    one = record(5, prompt="{} sells the")
    catalan = CATALAN | {"John sells the piano.": "De piano ven John."}
    assert repaired(tmp_path, one, catalan=catalan)[0].is_empty()
    path = corrections(tmp_path, "5,target_new,rewrite,0,{} ven el,piano")
    reviewed = read_corrections(path, facts_of(tmp_path, one))
    prompts, rejected = repaired(tmp_path, one, catalan=catalan, reviewed=reviewed)
    check_invariants(prompts, rejected)
    assert prompts.height == 10


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("9,target_new,rewrite,0,{} a,b", "line 2: case_id 9 is not among the facts"),
        ("1,target,rewrite,0,{} a,b", "role 'target' is unknown; allowed: target_new"),
        ("1,target_new,prompt,0,{} a,b", "kind 'prompt' is unknown"),
        ("1,target_new,paraphrase,2,a,b", "has 2 paraphrase prompts, no index 2"),
        ("1,target_new,rewrite,0,a,b", "exactly one '{}'"),
        ("1,target_new,paraphrase,0,{} a,b", "no '{}'"),
        ("1,target_new,paraphrase,0,a,", "both be given"),
        ("x,target_new,paraphrase,0,a,b", "whole numbers"),
        ("1,target_new,paraphrase,0,a,b\n1,target_new,paraphrase,0,a,b", "line 3"),
    ],
)
def test_a_wrong_correction_names_its_line(tmp_path, line, problem):
    with pytest.raises(CorrectionsFileError) as caught:
        read_corrections(corrections(tmp_path, line), facts_of(tmp_path, record(1)))
    assert problem in str(caught.value)
    assert "corrections.csv" in str(caught.value)


def test_a_corrections_file_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_text("case_id,role\n1,target_new\n")
    with pytest.raises(CorrectionsFileError, match="has no column 'kind'"):
        read_corrections(path, facts_of(tmp_path, record(1)))
