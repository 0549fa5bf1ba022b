"""Two records a fact: one form of each target, prompts that agree, both targets or none."""

import dataclasses

import polars as pl
import pytest

from memat.text.gender import (
    LeastPrompts,
    agreeing_text,
    same_word,
)
from memat.text.prompts import BILINGUAL_SCHEMA, prompt_id
from memat.text.repaired import REPAIRED_SCHEMA
from memat.text.two_record import GIVEN_SCHEMA
from text_samples import bilingual_facts, facts_of, imported_facts, language, record

PROMPTS = (
    ("rewrite", 0, "Toko Yasuda"),
    ("paraphrase", 0, "Toko Yasuda"),
    ("paraphrase", 1, "Toko Yasuda"),
    ("neighborhood", 0, "Jimi Hendrix"),
    ("neighborhood", 1, "Keith Richards"),
)


def row(role, prompt_type, index, name, target, article="el", **changes):
    prompt = f"{name} toca {article}"
    return dict.fromkeys(REPAIRED_SCHEMA) | {
        "prompt_id": prompt_id(1, role, prompt_type, index),
        "case_id": 1,
        "relation_id": "P1303",
        "split": "report",
        "role": role,
        "prompt_type": prompt_type,
        "index": index,
        "source": "",
        "translation": f"{prompt} {target}.",
        "template": f"{{}} toca {article}" if prompt_type == "rewrite" else None,
        "subject": name,
        "prompt": prompt,
        "target": target,
        "plain_target": target,
        "joined": False,
        "flags": [],
        **changes,
    }


def table():
    rows = [row("target_new", *prompt, "piano") for prompt in PROMPTS]
    return rows + [row("target_true", *prompt, "guitarra", "la") for prompt in PROMPTS]


def paired(tmp_path, rows, least=LeastPrompts(1, 1), target=None):  # noqa: B008
    repaired = pl.DataFrame(rows, schema=REPAIRED_SCHEMA)
    facts = facts_of(tmp_path, record(1))
    return bilingual_facts(facts, repaired, language("en"), target or language("ca"), least)


def check_invariants(bilingual):
    assert dict(bilingual.schema) == BILINGUAL_SCHEMA
    keys = ["case_id", "language", "prompt_type", "index"]
    roles = bilingual.group_by(keys).agg(pl.col("role").sort())
    assert roles["role"].to_list() == [["target_new", "target_true"]] * roles.height
    forms = bilingual.group_by("case_id", "language", "role").agg(pl.col("target").n_unique())
    assert set(forms["target"].to_list()) <= {1}
    languages = bilingual.group_by("case_id").agg(pl.col("language").n_unique())
    assert set(languages["language"].to_list()) <= {2}
    rewrites = bilingual.filter(prompt_type="rewrite")
    assert rewrites.height == 4 * bilingual["case_id"].n_unique()
    for item in rewrites.iter_rows(named=True):
        assert item["template"].replace("{}", item["subject"]) == item["prompt"]


def test_both_languages_and_roles_come_out_complete(tmp_path):
    bilingual, rejected = paired(tmp_path, table())
    check_invariants(bilingual)
    assert rejected.is_empty()
    assert bilingual.height == 2 * 10
    english = bilingual.filter(language="en")
    assert english.filter(role="target_new")["prompt"].to_list() == (
        english.filter(role="target_true")["prompt"].to_list()
    )
    catalan = bilingual.filter(language="ca", prompt_type="rewrite")
    assert catalan["template"].to_list() == ["{} toca el", "{} toca la"]


def test_another_ending_of_the_target_is_repaired_with_its_article(tmp_path):
    rows = table()
    rows[1] |= {"target": "piana", "prompt": "Toko Yasuda toca la"}
    for item in rows[:5]:
        item["plain_target"] = "piano"
    catalan = dataclasses.replace(language("ca"), inflections=(("o", "a"),))
    bilingual, rejected = paired(tmp_path, rows, target=catalan)
    check_invariants(bilingual)
    assert rejected.is_empty()
    fixed = bilingual.filter(language="ca", role="target_new", prompt_type="paraphrase", index=0)
    assert fixed.select("prompt", "target").row(0) == ("Toko Yasuda toca el", "piano")


def test_another_word_is_dropped_for_both_targets_with_reasons(tmp_path):
    rows = table()
    rows[3] |= {"target": "clavicèmbal"}
    bilingual, rejected = paired(tmp_path, rows)
    check_invariants(bilingual)
    assert bilingual.filter(language="ca", prompt_type="neighborhood")[
        "index"
    ].unique().to_list() == [1]
    assert bilingual.filter(language="en", prompt_type="neighborhood").height == 4
    reasons = rejected.select("role", "prompt_type", "index", "reason").rows()
    assert sorted(reasons) == [
        ("target_new", "neighborhood", 0, "target_form_differs"),
        ("target_true", "neighborhood", 0, "other_target_lost"),
    ]


@pytest.mark.parametrize(
    ("lost", "least", "reason"),
    [
        (("rewrite",), LeastPrompts(1, 1), "rewrite_lost"),
        (("paraphrase",), LeastPrompts(1, 1), "too_few_paraphrases"),
        (("neighborhood",), LeastPrompts(1, 1), "too_few_neighborhood"),
        ((), LeastPrompts(3, 1), "too_few_paraphrases"),
        ((), LeastPrompts(1, 3), "too_few_neighborhood"),
    ],
)
def test_a_fact_without_enough_prompts_is_a_rejected_record(tmp_path, lost, least, reason):
    rows = [
        item for item in table() if item["prompt_type"] not in lost or item["role"] == "target_true"
    ]
    bilingual, rejected = paired(tmp_path, rows, least)
    assert bilingual.is_empty()
    assert rejected.filter(prompt_type="record").select("case_id", "reason").rows() == [(1, reason)]


def test_targets_that_become_equal_are_rejected(tmp_path):
    rows = [item | {"target": "piano", "plain_target": "piano"} for item in table()]
    bilingual, rejected = paired(tmp_path, rows)
    assert bilingual.is_empty()
    assert rejected.filter(prompt_type="record")["reason"].to_list() == ["targets_equal"]


def test_without_duplication_prompts_that_depend_on_the_target_are_dropped(tmp_path):
    plain = dataclasses.replace(language("ca"), duplicate_by_target=False)
    bilingual, rejected = paired(tmp_path, table(), target=plain)
    assert bilingual.is_empty()
    assert set(rejected.filter(pl.col("prompt_type") != "record")["reason"]) == {"prompts_differ"}
    rows = table()[:5] + [row("target_true", *prompt, "llaüt") for prompt in PROMPTS]
    bilingual, rejected = paired(tmp_path, rows, target=plain)
    assert bilingual.height == 20
    assert rejected.is_empty()


def test_a_reviewed_form_is_never_replaced(tmp_path):
    rows = [item | {"plain_target": item["target"]} for item in table()]
    rows[0] |= {"target": "piana", "flags": ["reviewed"]}
    catalan = dataclasses.replace(
        language("ca"), inflections=(("o", "a"),), agreement=(("el", "la"),)
    )
    bilingual, _ = paired(tmp_path, rows, target=catalan)
    check_invariants(bilingual)
    new = bilingual.filter(language="ca", role="target_new")
    assert new["target"].unique().to_list() == ["piana"]
    assert new.filter(prompt_type="rewrite")["prompt"].to_list() == ["Toko Yasuda toca el"]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("francès", "francesa", True),
        ("actor", "actriu", True),
        ("rus", "rus", True),
        ("advocada", "advocat", True),
        ("piano", "pianista", False),
        ("rosa blanca", "rosa", False),
        ("Roma", "Milà", False),
    ],
)
def test_forms_of_one_word_are_told_by_its_endings(one, two, same):
    assert same_word(one, two, language("ca")) is same
    assert same_word(two, one, language("ca")) is same


@pytest.mark.parametrize(
    ("text", "target", "form", "joined", "agreed"),
    [
        ("X és la", "portuguesa", "portuguès", False, "X és el"),
        ("X parla de la", "portuguesa", "portuguès", False, "X parla del"),
        ("X és l'", "anglesa", "anglès", True, "X és l'"),
        ("X és la", "alemanya", "alemany", False, None),
        ("X és", "francesa", "francès", False, "X és"),
        ("X és la", "Roma", "Milà", False, None),
    ],
)
def test_the_article_follows_the_ending(text, target, form, joined, agreed):
    assert agreeing_text(text, target, form, joined, language("ca")) == agreed


def test_a_bilingual_source_is_taken_as_it_is(tmp_path):
    rows = [{name: item[name] for name in GIVEN_SCHEMA} for item in table()]
    two_record = pl.DataFrame(rows, schema=GIVEN_SCHEMA)
    facts = facts_of(tmp_path, record(1))
    bilingual, rejected = imported_facts(
        facts, two_record, language("en"), language("ca"), LeastPrompts(1, 1)
    )
    check_invariants(bilingual)
    assert rejected.is_empty()
    assert bilingual.height == 20
