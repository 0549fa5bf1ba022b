"""Prompts with an answer of their own, from the facts file to the bilingual table."""

import polars as pl
import pytest

from memat.errors import CorrectionsFileError, FactError
from memat.text.align import align_translations
from memat.text.contradictions import edited_by_others
from memat.text.edited import edited_neighbours
from memat.text.facts import choose_facts, read_facts
from memat.text.funnel import drawn_rows
from memat.text.gender import LeastPrompts
from memat.text.lost import lost_table
from memat.text.prompts import list_prompts, prompts_of
from memat.text.reader import notices, read_format
from memat.text.repair import repair_facts
from memat.text.review import review_table, suspicion_table
from memat.text.reviewed import read_corrections
from memat.text.translate import translate_prompts
from memat.text.two_record import read_two_record
from text_samples import (
    MadeUpEngine,
    bilingual_facts,
    facts_of,
    imported_facts,
    language,
    record,
    replace_all,
    untranslated,
    write_records,
    write_triples,
)

ENGLISH, CATALAN = language("en"), language("ca")
NEW, TRUE = "target_new", "target_true"


class InOrder:
    """Aligns the words of two sentences in their order."""

    def align(self, pairs):
        return [[(i, i) for i in range(min(len(a), len(b)))] for a, b in pairs]


def answered(case_id=1, known=True, **changes):
    """A record with two neighbours that have the true target, one with an answer of its own,
    and two questions one step away."""
    one = record(case_id, **changes)
    subject = one["requested_rewrite"]["subject"]
    one["neighborhood"] = [{"prompt": "Marie Curie plays the", "answer": "harp"}]
    one["portability"] = [
        {"prompt": f"The instrument of {subject} has", "answer": "keys"},
        {"prompt": f"What {subject} plays is made by", "answer": "Steinway"},
    ]
    if not known:
        del one["requested_rewrite"]["target_true"]
    return one


def dataset(facts, translate=str):
    """The bilingual table, everything rejected, and the repaired prompts."""
    prompts = list_prompts(facts, "en")
    translations = translate_prompts(prompts, MadeUpEngine(translate), ENGLISH, CATALAN)
    alignments = align_translations(prompts, translations, InOrder())
    repaired, lost = repair_facts(facts, prompts, translations, alignments, CATALAN)
    bilingual, unequal = bilingual_facts(facts, repaired, ENGLISH, CATALAN, LeastPrompts())
    return bilingual, pl.concat([lost, unequal]), (translations, alignments, repaired)


def asked(bilingual, code, *types):
    rows = bilingual.filter(pl.col("prompt_type").is_in(types), language=code)
    return rows.select("prompt_type", "index", "role", "prompt", "target").rows()


def test_answers_stand_beside_their_prompts_plain_neighbours_first(tmp_path):
    facts, rejected = read_facts(write_records(tmp_path, answered()))
    row = facts.row(0, named=True)
    assert row["neighborhood_prompts"] == [
        "Jimi Hendrix plays the",
        "Keith Richards plays the",
        "Marie Curie plays the",
    ]
    assert row["neighborhood_answers"] == [None, None, "harp"]
    assert row["portability_prompts"][0] == "The instrument of Toko Yasuda has"
    assert row["portability_answers"] == ["keys", "Steinway"]
    assert rejected.is_empty()
    # a record without any has empty lists, parallel to its prompts
    plain = read_facts(write_records(tmp_path, record(2)))[0].row(0, named=True)
    assert plain["neighborhood_answers"] == [None, None]
    assert plain["portability_prompts"] == plain["portability_answers"] == []


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("neighborhood", ["Marie Curie plays the"], r"neighborhood\[0\]: must be an object"),
        ("neighborhood", [{"prompt": "a"}], r"neighborhood\[0\].answer: must be a text"),
        ("portability", [{"prompt": "a", "answer": " "}], r"\[0\].answer: must not be empty"),
        ("portability", [{"prompt": "a", "answer": "b", "c": 1}], r"portability\[0\].c: unknown"),
        ("portability", {"prompt": "a"}, "portability: must be a list, found an object"),
    ],
)
def test_a_broken_answer_is_named_with_its_field(tmp_path, field, value, problem):
    with pytest.raises(FactError, match=f"record 1 .case_id 1.: .*{problem}"):
        read_facts(write_records(tmp_path, record(1) | {field: value}))


def test_a_prompt_is_asked_with_its_own_answer_and_the_new_target(tmp_path):
    facts = facts_of(tmp_path, answered())
    prompts = prompts_of(list_prompts(facts, "en"))
    found = {(p.prompt_type, p.index, p.role): p.target for p in prompts}
    assert found["neighborhood", 0, TRUE] == "guitar"
    assert found["neighborhood", 2, TRUE] == "harp"
    assert found["neighborhood", 2, NEW] == "piano"
    assert found["portability", 1, "answer"] == "Steinway"
    # a question one step away compares nothing
    assert [key for key in found if key[0] == "portability"] == [
        ("portability", 0, "answer"),
        ("portability", 1, "answer"),
    ]
    of_question = next(p for p in prompts if p.prompt_type == "portability")
    assert of_question.subject == "Toko Yasuda"


def test_answers_go_through_every_stage_in_both_languages(tmp_path):
    words = {"plays the": "toca el", "piano": "pianet", "guitar": "guitarra", "harp": "arpa",
             "has": "té", "keys": "tecles"}  # fmt: skip
    bilingual, rejected, _ = dataset(facts_of(tmp_path, answered()), replace_all(words))
    assert rejected.is_empty()
    assert asked(bilingual, "ca", "neighborhood") == [
        ("neighborhood", 0, NEW, "Jimi Hendrix toca el", "pianet"),
        ("neighborhood", 1, NEW, "Keith Richards toca el", "pianet"),
        ("neighborhood", 2, NEW, "Marie Curie toca el", "pianet"),
        ("neighborhood", 0, TRUE, "Jimi Hendrix toca el", "guitarra"),
        ("neighborhood", 1, TRUE, "Keith Richards toca el", "guitarra"),
        ("neighborhood", 2, TRUE, "Marie Curie toca el", "arpa"),
    ]
    assert asked(bilingual, "ca", "portability")[0] == (
        "portability", 0, "answer", "The instrument of Toko Yasuda té", "tecles",
    )  # fmt: skip
    for prompt_type, index, role, *_ in asked(bilingual, "ca", "neighborhood", "portability"):
        source = bilingual.filter(language="en", prompt_type=prompt_type, index=index, role=role)
        assert source.height == 1


def test_other_rows_are_as_without_such_prompts(tmp_path):
    words = replace_all({"plays the": "toca el", "guitar": "guitarra", "keys": "tecles"})
    with_answers, *_ = dataset(facts_of(tmp_path, answered(), record(2)), words)
    without, *_ = dataset(facts_of(tmp_path, record(1), record(2)), words)
    added = (pl.col("prompt_type") == "portability") | (
        (pl.col("prompt_type") == "neighborhood") & (pl.col("index") == 2)
    )
    assert with_answers.filter(~added).equals(without)


def test_a_fact_whose_true_target_is_unknown_keeps_the_neighbours_with_answers(tmp_path):
    path = write_records(tmp_path, answered(known=False))
    facts, rejected = read_facts(path)
    assert rejected.select("index", "reason").rows() == [
        (0, "no_true_target"),
        (1, "no_true_target"),
    ]
    bilingual, lost, _ = dataset(facts)
    assert lost.is_empty()
    for code in ("en", "ca"):
        assert asked(bilingual, code, "neighborhood") == [
            ("neighborhood", 2, NEW, "Marie Curie plays the", "piano"),
            ("neighborhood", 2, TRUE, "Marie Curie plays the", "harp"),
        ]
        rewrites = asked(bilingual, code, "rewrite")
        assert [row[2] for row in rewrites] == [NEW]
    sentence = lost_table(read_format(path, "counterfact")[0], rejected)["sentence"][0]
    assert sentence == "Jimi Hendrix plays the."


def test_an_answer_that_is_the_new_target_compares_nothing(tmp_path):
    one = answered()
    one["neighborhood"] = [{"prompt": "Elton John plays the", "answer": "Piano"}]
    path = write_records(tmp_path, one)
    facts, rejected = read_facts(path)
    assert rejected.select("prompt_type", "index", "reason").rows() == [
        ("neighborhood", 2, "answer_is_new_target")
    ]
    lost = lost_table(read_format(path, "counterfact")[0], rejected).row(0, named=True)
    assert lost["sentence"] == "Elton John plays the Piano."
    assert "nothing can be compared" in lost["why"]
    assert {index for _, index, *_ in asked(dataset(facts)[0], "ca", "neighborhood")} == {0, 1}


def test_an_answer_that_is_the_true_target_is_none_of_its_own(tmp_path):
    one = answered()
    one["neighborhood"][0]["answer"] = "guitar"
    assert read_facts(write_records(tmp_path, one))[0]["neighborhood_answers"][0].to_list() == [
        None, None, None,
    ]  # fmt: skip


def test_lost_questions_never_cost_the_fact(tmp_path):
    def translate(text):
        return "" if "has" in text or "made by" in text else text

    facts = facts_of(tmp_path, answered())
    bilingual, rejected, _ = dataset(facts, translate)
    assert rejected.select("stage", "prompt_type", "index", "role", "reason").rows() == [
        ("repair_structure", "portability", 0, "answer", "empty_translation"),
        ("repair_structure", "portability", 1, "answer", "empty_translation"),
    ]
    assert asked(bilingual, "ca", "portability") == []
    assert asked(bilingual, "ca", "rewrite") == asked(dataset(facts)[0], "ca", "rewrite")
    lost = lost_table(read_format(tmp_path / "facts.json", "counterfact")[0], rejected)
    assert lost["sentence"][0] == "The instrument of Toko Yasuda has keys."


def test_an_answer_lost_or_equal_to_the_new_target_loses_its_neighbour_alone(tmp_path):
    facts = facts_of(tmp_path, answered())
    for translate, reason in (
        (lambda text: "" if "harp" in text else text, "empty_translation"),
        (lambda text: text.replace("harp", "piano"), "targets_equal"),
    ):
        bilingual, rejected, _ = dataset(facts, translate)
        assert reason in rejected["reason"].to_list()
        assert set(rejected["prompt_type"]) == {"neighborhood"}
        assert set(rejected["index"]) == {2}
        assert {index for _, index, *_ in asked(bilingual, "ca", "neighborhood")} == {0, 1}


def test_only_a_prompt_worded_as_an_edited_one_is_edited(tmp_path):
    """A neighbour with its own answer may ask an edited subject for something else."""
    one, other = answered(1), record(2, subject="Marie Curie", new="drums")
    one["neighborhood"] += [{"prompt": "Marie Curie was born in", "answer": "Warsaw"}]
    path = write_records(tmp_path, one, other)
    bilingual, _ = untranslated(read_facts(path)[0])
    blocks = pl.DataFrame({"case_id": [1, 2], "block": ["0", "0"]})
    found = edited_neighbours(bilingual, blocks, "en")
    assert found.select("case_id", "index").rows() == [(1, 2)]
    rows, _ = choose_facts(path, "counterfact")
    (named,) = edited_by_others(pl.DataFrame(rows))
    assert named.startswith("'Marie Curie plays the' of record 1")


def test_the_funnel_counts_the_questions_that_are_left(tmp_path):
    bilingual, rejected, _ = dataset(facts_of(tmp_path, answered(1), record(2)))
    blocks = pl.DataFrame({"case_id": [1, 2], "block": ["0", "0"]})
    (row,) = drawn_rows(bilingual, blocks, rejected, "en", ["ca"])
    assert (row["neighbours"], row["portability"]) == (5, 2)


def corrected(tmp_path, facts, change):
    """Repaired prompts and rejections after a person changed rows of the review table."""
    _, _, (translations, alignments, repaired) = dataset(facts)
    prompts = list_prompts(facts, "en")
    suspicion = suspicion_table(prompts, translations, repaired, ENGLISH, CATALAN)
    review = review_table(repaired, pl.DataFrame(schema={"prompt_type": pl.String,
        "stage": pl.String, "role": pl.String, "case_id": pl.Int64, "index": pl.Int64,
        "reason": pl.String, "detail": pl.String}), 99, 0, suspicion)  # fmt: skip
    path = tmp_path / "corrections.csv"
    change(review).write_csv(path)
    reviewed = read_corrections(path, prompts)
    return repair_facts(facts, prompts, translations, alignments, CATALAN, reviewed, LeastPrompts())


def test_a_corrected_answer_is_that_of_its_prompt_alone(tmp_path):
    facts = facts_of(tmp_path, answered())
    own = pl.col("target").is_in(["harp", "Steinway"])
    repaired, rejected = corrected(
        tmp_path,
        facts,
        lambda review: review.with_columns(
            target=pl.when(own).then(pl.lit("other ") + pl.col("target")).otherwise("target")
        ),
    )
    assert rejected.is_empty()
    changed = repaired.filter(pl.col("target").str.starts_with("other"))
    assert changed.select("prompt_type", "index", "role").rows() == [
        ("neighborhood", 2, TRUE),
        ("portability", 1, "answer"),
    ]
    assert set(repaired.filter(role=TRUE, prompt_type="rewrite")["target"]) == {"guitar"}


def test_a_corrected_true_target_leaves_other_answers_alone(tmp_path):
    repaired, _ = corrected(
        tmp_path,
        facts_of(tmp_path, answered()),
        lambda review: review.filter(role=TRUE, prompt_type="rewrite").with_columns(
            target=pl.lit("guitarra")
        ),
    )
    targets = repaired.filter(role=TRUE).select("prompt_type", "index", "target").rows()
    assert targets == [
        ("rewrite", 0, "guitarra"),
        ("paraphrase", 0, "guitarra"),
        ("paraphrase", 1, "guitarra"),
        ("neighborhood", 0, "guitarra"),
        ("neighborhood", 1, "guitarra"),
        ("neighborhood", 2, "harp"),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,answer,portability,2,a,b", "has 2 portability prompts, no index 2, for answer"),
        ("1,target_new,portability,0,a,b", "has 0 portability prompts"),
        ("1,answer,rewrite,0,{} a,b", "has 0 rewrite prompts"),
    ],
)
def test_a_correction_of_a_prompt_that_is_not_asked_is_refused(tmp_path, line, problem):
    path = tmp_path / "corrections.csv"
    path.write_text(f"case_id,role,prompt_type,index,prompt,target\n{line}\n")
    with pytest.raises(CorrectionsFileError, match=problem):
        read_corrections(path, list_prompts(facts_of(tmp_path, answered()), "en"))


TEMPLATES = """
P19:
  rewrite: "{} was born in"
  neighbours:
    Paris: [Ada Vila, {subject: Joan Bell, answer: Rome}]
  portability:
    - prompt: "The country where {} was born is"
      answers: {Bonn: Germany, Oslo: Norway}
"""
BORN = [
    {"relation": "P19", "subject": "A", "target_true": "Paris", "target_new": "Bonn"},
    {"relation": "P19", "subject": "B", "target_true": None, "target_new": "Oslo"},
]


def test_triples_take_answers_from_their_templates_and_rows(tmp_path):
    rows = [BORN[0] | {"neighbours": "C = Lyon|D"}, BORN[1] | {"neighbours": None}]
    (first, second), _ = read_format(write_triples(tmp_path, rows, TEMPLATES), "triples")
    pairs = zip(first["neighborhood_prompts"], first["neighborhood_answers"], strict=True)
    assert list(pairs) == [
        ("C was born in", "Lyon"),
        ("D was born in", None),
        ("Ada Vila was born in", None),
        ("Joan Bell was born in", "Rome"),
    ]
    assert first["portability_prompts"] == ["The country where A was born is"]
    assert first["portability_answers"] == ["Germany"]
    assert (second["neighborhood_prompts"], second["portability_answers"]) == ([], ["Norway"])


def test_neighbours_of_a_whole_relation_need_no_true_target(tmp_path):
    listed = TEMPLATES.replace(
        "    Paris: [Ada Vila, {subject: Joan Bell, answer: Rome}]",
        "    - {subject: Joan Bell, answer: Rome}",
    )
    path = write_triples(tmp_path, BORN, listed)
    facts, rejected = read_facts(path, "triples")
    assert facts["neighborhood_answers"].to_list() == [["Rome"], ["Rome"]]
    assert rejected.is_empty()
    assert list(notices(path, "triples")) == []
    unanswered = listed.replace("{subject: Joan Bell, answer: Rome}", "Joan Bell")
    with pytest.raises(FactError, match=r"P19.neighbours\[0\]: .* needs an answer"):
        read_format(write_triples(tmp_path, BORN, unanswered), "triples")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{} was born is", "she was born is", r"portability\[0\].prompt: must have exactly one"),
        ("Bonn: Germany", "Bonn: ''", "answers.Bonn: must not be empty"),
        ("answer: Rome", "answr: Rome", r"neighbours.Paris\[1\].answr: unknown"),
    ],
)
def test_a_broken_template_of_answers_is_named(tmp_path, old, new, problem):
    with pytest.raises(FactError, match=problem):
        read_format(write_triples(tmp_path, BORN, TEMPLATES.replace(old, new)), "triples")


def test_answers_to_targets_that_no_fact_has_are_named(tmp_path):
    path = write_triples(tmp_path, BORN, TEMPLATES.replace("Oslo: Norway", "Oslow: Norway"))
    (problem,) = notices(path, "triples")
    assert "P19.portability: no fact has the new target 'Oslow'; did you mean 'Oslo'?" in problem


@pytest.mark.parametrize("known", [True, False])
def test_a_bilingual_file_gives_answers_in_both_languages(tmp_path, known):
    one = answered(known=known)
    for role, prompt in ((NEW, "Marie Curie toca el"), (TRUE, "Marie Curie toca l'")):
        if role == NEW or known:
            one[f"eval_{role}"] = {
                "requested_rewrite": {
                    "prompt": "{} toca el",
                    "subject": "Toko Yasuda",
                    role: {"str": "piano" if role == NEW else "llaüt"},
                },
                "neighborhood_prompts": ["Jimi Hendrix toca el", "Keith Richards toca el"],
                "neighborhood": [{"prompt": prompt, "answer": "arpa"}],
            }
    one["eval_target_new"]["portability"] = [
        {"prompt": "L'instrument de Toko Yasuda té", "answer": "tecles"}
    ]
    path = write_records(tmp_path, one)
    facts, _ = read_facts(path)
    bilingual, rejected = imported_facts(
        facts, read_two_record(path), ENGLISH, CATALAN, LeastPrompts(0, 1)
    )
    own = [row for row in asked(bilingual, "ca", "neighborhood") if row[1] == 2]
    with_answer = "Marie Curie toca l'" if known else "Marie Curie toca el"
    assert own == [
        ("neighborhood", 2, NEW, "Marie Curie toca el", "piano"),
        ("neighborhood", 2, TRUE, with_answer, "arpa"),
    ]
    assert asked(bilingual, "ca", "portability") == [
        ("portability", 0, "answer", "L'instrument de Toko Yasuda té", "tecles")
    ]
    joined = bilingual.filter(language="ca", target="arpa")["joined"].to_list()
    assert joined == [known]
    reasons = [] if known else ["no_true_target"] * 2
    assert rejected["reason"].to_list() == reasons
