"""Funnel, quality, review, overlap, blocks, download: what is counted adds up."""

import hashlib
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memat.edit.requests import facts_of_block
from memat.errors import FactError, NotEnoughFacts
from memat.text.blocks import assign_blocks
from memat.text.fetch import fetch_file, lock_path
from memat.text.funnel import funnel_table
from memat.text.overlap import bins, jaccard, overlap_table, subsets
from memat.text.prompts import BILINGUAL_SCHEMA, list_prompts, prompt_id
from memat.text.quality import translation_quality
from memat.text.rejections import Rejection, rejected_table
from memat.text.repaired import REPAIRED_SCHEMA
from memat.text.review import COLUMN_MEANINGS, REVIEW_SCHEMA, SUSPICION_SCHEMA, review_table
from memat.text.translate import translate_prompts
from memat.text.two_record import GIVEN_SCHEMA
from text_samples import MadeUpEngine, facts_of, language, record, replace_all

CA = {"language": "ca"}


def test_the_funnel_adds_up(tmp_path):
    facts = facts_of(tmp_path, *[record(i) for i in range(7)])
    rejected = rejected_table(
        [
            Rejection(90, "read_facts", "record", "not_in_keep_ids"),
            Rejection(1, "repair_structure", "record", "target_not_final", **CA),
            Rejection(1, "repair_structure", "rewrite", "target_not_final", 0, "target_new", **CA),
            Rejection(2, "repair_structure", "record", "subject_not_found", **CA),
            Rejection(
                3, "duplicate_gender", "paraphrase", "target_form_differs", 1, "target_true", **CA
            ),
            Rejection(4, "duplicate_gender", "record", "too_few_paraphrases", **CA),
        ]
    )
    funnel = funnel_table(facts, rejected, ["ca"])
    assert funnel["step"].to_list() == ["given", "accepted", "translated", "paired"]
    assert funnel["records"].to_list() == [8, 7, 5, 4]
    for row in funnel.iter_rows(named=True):
        assert sum(json.loads(row["reasons"]).values()) == row["dropped"]
        assert sum(json.loads(row["prompt_reasons"]).values()) == row["prompts_dropped"]
    assert funnel["dropped"].sum() + funnel["prompts_dropped"].sum() == rejected.height


def reference_of(*rows):
    return pl.DataFrame(
        [
            dict(
                zip(
                    ("role", "prompt_type", "index", "prompt", "target", "joined"), row, strict=True
                )
            )
            | {"case_id": 1, "relation_id": "P1303", "subject": "Toko Yasuda", "template": None}
            for row in rows
        ],
        schema=GIVEN_SCHEMA,
    )


def test_quality_is_full_for_a_perfect_translation_and_less_for_another(tmp_path):
    catalan = {"plays the": "toca el", "performs on the": "actua al"}
    prompts = list_prompts(facts_of(tmp_path, record(1)), "en")
    frame = translate_prompts(
        prompts, MadeUpEngine(replace_all(catalan)), language("en"), language("ca")
    )
    new = ("target_new", "rewrite", 0)
    perfect = reference_of((*new, "Toko Yasuda toca el", "piano", False))
    other = reference_of(
        (*new, "Toko Yasuda toca el", "piano", False),
        ("target_true", "rewrite", 0, "Toko Yasuda toca la", "guitarra", False),
    )
    best = translation_quality(prompts, frame, perfect, language("ca")).row(0, named=True)
    assert best["relation_id"] == "all"
    assert (best["sentences"], best["ends_with_target"], best["keeps_subject"]) == (1, 1, 1)
    assert best["chrf"] == pytest.approx(100)
    less = translation_quality(prompts, frame, other, language("ca"))
    assert less["relation_id"].to_list() == ["all", "P1303"]
    assert less["ends_with_target"].to_list() == [0.5, 0.5]
    assert less["chrf"][0] < 100
    nothing = perfect.with_columns(case_id=pl.lit(99, pl.Int64))
    with pytest.raises(FactError, match="none of the facts"):
        translation_quality(prompts, frame, nothing, language("ca"))


def repaired_rows(count):
    return pl.DataFrame(
        [
            dict.fromkeys(REPAIRED_SCHEMA)
            | {
                "prompt_id": prompt_id(i, "target_new", "paraphrase", 0),
                "case_id": i,
                "role": "target_new",
                "prompt_type": "paraphrase",
                "index": 0,
                "prompt": f"p{i}",
                "target": "t",
                "flags": ["rare_target_form"] if i % 5 == 0 else [],
            }
            for i in range(count)
        ],
        schema=REPAIRED_SCHEMA,
    )


def test_the_review_holds_all_suspicious_all_dropped_and_a_fixed_sample():
    rejected = rejected_table(
        [
            Rejection(
                70, "repair_structure", "paraphrase", "target_not_final", 0, "target_new", "text"
            ),
            Rejection(71, "repair_structure", "record", "target_not_final"),
        ]
    )
    review = review_table(repaired_rows(20), rejected, sample=3, seed=1)
    assert review.columns == list(REVIEW_SCHEMA) == list(COLUMN_MEANINGS)
    assert review["why"].to_list() == [
        *["rare_target_form"] * 4,
        *["sample"] * 3,
        "target_not_final",
    ]
    assert review["suspicion"].to_list() == [1.0] * 4 + [0.0] * 3 + [None]
    assert review.equals(review_table(repaired_rows(20), rejected, sample=3, seed=1))
    assert not review.equals(review_table(repaired_rows(20), rejected, sample=3, seed=2))
    assert review_table(repaired_rows(20), rejected, sample=999, seed=1).height == 21


def test_the_review_begins_with_the_most_suspicious_and_how_a_target_was_found_is_no_reason():
    rows = repaired_rows(20).with_columns(flags=pl.lit(["target_by_form"]))
    points = pl.DataFrame(
        [
            (prompt_id(i, "target_new", "paraphrase", 0), i / 10, None, "no_verb", None, None)
            for i in range(20)
        ],
        schema=SUSPICION_SCHEMA,
        orient="row",
    )
    review = review_table(rows, rejected_table([]), sample=0, seed=0, suspicion=points)
    assert review["case_id"].to_list() == [*range(19, 9, -1), 8]  # 8 stands for 9, which is like it
    assert review["why"][0] == "no_verb target_by_form"


def test_the_review_shows_one_prompt_of_each_wording_that_no_suspicious_row_shows():
    wordings = ["a"] * 3 + ["b"] * 5 + ["c"] * 2 + ["alone"] + ["d"] * 2
    rows = repaired_rows(13).with_columns(flags=pl.lit([], pl.List(pl.String)))
    # the true target of a prompt of wording c is no second prompt of it
    twin = rows[8].with_columns(
        role=pl.lit("target_true"),
        prompt_id=pl.lit(prompt_id(8, "target_true", "paraphrase", 0)),
    )
    faint = {5: 0.3, 12: 2.0}  # the oddest of wording b; one of wording d is suspicious
    points = pl.DataFrame(
        [
            (key, faint.get(i, 0.0), None, "no_verb" if i in faint else "", None, wording)
            for i, wording, key in [
                *zip(range(13), wordings, rows["prompt_id"], strict=True),
                (8, "c", twin["prompt_id"].item()),
            ]
        ],
        schema=SUSPICION_SCHEMA,
        orient="row",
    )
    told = {"sample": 0, "seed": 0, "suspicion": points}
    review = review_table(pl.concat([rows, twin]), rejected_table([]), **told, wordings=10)
    found = review.select("case_id", "why").rows()
    assert found == [
        (12, "no_verb"),
        (5, "wording_of(5) no_verb"),
        (0, "wording_of(3)"),
        (8, "wording_of(2)"),
    ]
    fewer = review_table(pl.concat([rows, twin]), rejected_table([]), **told, wordings=1)
    assert fewer.equals(review[:2])
    everything = review_table(
        pl.concat([rows, twin]), rejected_table([]), **told | {"sample": 99}, wordings=10
    )
    assert everything.height == 14  # none twice


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_jaccard_is_a_symmetric_share(one, two):
    value = jaccard(one, two)
    assert 0 <= value <= 1
    assert value == jaccard(two, one)
    assert (value == 1) == (one == two)


def bilingual(*facts):
    rows = []
    for case_id, english, catalan, split in facts:
        for code, subject in (("en", english), ("ca", catalan)):
            for role in ("target_new", "target_true"):
                rows.append(
                    dict.fromkeys(BILINGUAL_SCHEMA)
                    | {
                        "case_id": case_id,
                        "relation_id": "P1",
                        "split": split,
                        "language": code,
                        "role": role,
                        "prompt_type": "rewrite",
                        "index": 0,
                        "subject": subject,
                        "template": "{} is" if code == "en" else "{} és",
                        "prompt": "",
                        "target": "piano",
                        "joined": False,
                    }
                )
    return pl.DataFrame(rows, schema=BILINGUAL_SCHEMA)


def words(text):
    return [hash(word) for word in text.split()]


def test_overlap_and_subsets_follow_the_subject():
    frame = bilingual(
        (1, "Toko Yasuda", "Toko Yasuda", "report"),
        (2, "United States", "Estats Units", "report"),
        (3, "Norway coast trip", "Noruega coast trip", "report"),
    )
    overlap = overlap_table(frame, words, "en", ["ca"])
    assert overlap["subject"].to_list() == [1.0, 0.0, 0.5]
    assert overlap["target"].to_list() == [1.0] * 3
    assert overlap["relation"].to_list() == [0.0] * 3
    found = subsets(overlap, same=1.0, different=0.5)
    ids = {name: frame["case_id"].to_list() for name, frame in found.items()}
    assert ids == {"all": [1, 2, 3], "same": [1], "different": [2, 3]}


@given(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0])))
def test_every_fact_is_in_one_bin_of_overlap(subject):
    overlap = pl.DataFrame(
        {"case_id": range(len(subject)), "subject": pl.Series(subject, dtype=pl.Float64)}
    )
    everything, alike, between, different = bins(overlap, 0.9, 0.5).values()
    assert sorted([*alike, *between, *different]) == everything.to_list()
    places = dict(zip(overlap["case_id"], subject, strict=True))
    assert all(places[case_id] >= 0.9 for case_id in alike)
    assert all(0.5 < places[case_id] < 0.9 for case_id in between)
    assert all(places[case_id] <= 0.5 for case_id in different)


def test_blocks_are_disjoint_seeded_and_of_one_split():
    frame = bilingual(*[(i, "a", "a", "tuning" if i < 5 else "report") for i in range(30)])
    subset = pl.DataFrame({"case_id": list(range(28))})

    def assigned(size=6, count=3, seed=0, frame=frame, subset=subset, donor=0, tuning=0):
        return assign_blocks(frame, subset, "report", size, count, donor, tuning, seed)

    blocks = assigned()
    assert blocks["case_id"].n_unique() == 18
    assert set(blocks["case_id"].to_list()) <= set(range(5, 28))
    assert blocks.group_by("block").len().sort("block").rows() == [("0", 6), ("1", 6), ("2", 6)]
    assert blocks.equals(assigned())
    assert not blocks.equals(assigned(seed=1))
    # the order of the rows does not matter, and a longer run begins like a shorter one
    assert blocks.equals(assigned(frame=frame.reverse(), subset=subset.reverse()))
    assert assigned(count=1).equals(blocks.head(6))
    with pytest.raises(NotEnoughFacts, match="4 of 6 need 24 facts; split 'report' has 23"):
        assigned(count=4)


def test_donor_and_tuning_facts_are_of_no_block():
    frame = bilingual(*[(i, "a", "a", "tuning" if i < 5 else "report") for i in range(30)])
    subset = pl.DataFrame({"case_id": list(range(30))})
    blocks = assign_blocks(frame, subset, "report", 6, 3, donor=4, tuning=5, seed=0)
    assert blocks["case_id"].n_unique() == 18 + 4 + 5
    assert set(blocks.filter(block="tuning")["case_id"].to_list()) == set(range(5))
    assert blocks.head(18).equals(assign_blocks(frame, subset, "report", 6, 3, 0, 0, seed=0))
    with pytest.raises(NotEnoughFacts, match="donor need 8 facts; split 'report' has 7 left"):
        assign_blocks(frame, subset, "report", 6, 3, donor=8, tuning=0, seed=0)
    with pytest.raises(NotEnoughFacts, match="tuning need 6 facts; split 'tuning' has 5"):
        assign_blocks(frame, subset, "report", 6, 3, donor=0, tuning=6, seed=0)
    # without a tuning split, what no block holds serves
    untuned = frame.filter(pl.col("split") == "report")
    blocks = assign_blocks(untuned, subset, "report", 6, 3, donor=4, tuning=3, seed=0)
    assert blocks["case_id"].n_unique() == 18 + 4 + 3


@pytest.mark.parametrize(("n_tuning", "own_block"), [(0, 23), (5, 21)])
def test_a_block_without_a_size_holds_what_donor_and_tuning_facts_leave(n_tuning, own_block):
    frame = bilingual(*[(i, "a", "a", "tuning" if i < n_tuning else "report") for i in range(30)])
    subset = pl.DataFrame({"case_id": list(range(30))})
    blocks = assign_blocks(frame, subset, "report", None, 1, donor=4, tuning=3, seed=0)
    sizes = dict(blocks.group_by("block").len().rows())
    assert sizes == {"0": own_block, "donor": 4, "tuning": 3}
    assert blocks["case_id"].n_unique() == own_block + 4 + 3
    with pytest.raises(NotEnoughFacts, match="donor need 30 facts"):
        assign_blocks(frame, subset, "report", None, 1, donor=30, tuning=0, seed=0)
    with pytest.raises(NotEnoughFacts, match="split 'report' has 0 left"):
        assign_blocks(frame, subset.head(0), "report", None, 1, donor=0, tuning=0, seed=0)


def test_a_nested_set_is_the_beginning_of_its_block():
    frame = bilingual(*[(i, "a", "a", "report") for i in range(12)])
    subset = pl.DataFrame({"case_id": list(range(12))})
    blocks = assign_blocks(frame, subset, "report", 6, 2, donor=0, tuning=0, seed=0)
    whole = facts_of_block(frame, blocks, "1", "ca")["case_id"].unique(maintain_order=True)
    part = facts_of_block(frame, blocks, "1-first-4", "ca")["case_id"].unique(maintain_order=True)
    assert part.to_list() == whole.head(4).to_list() == blocks["case_id"][6:10].to_list()


def test_a_download_is_checked_and_locked(tmp_path):
    source, target = tmp_path / "facts.json", tmp_path / "cache" / "facts.json"
    source.write_text("[]")
    url, good = source.as_uri(), hashlib.sha256(b"[]").hexdigest()
    assert fetch_file(url, target, good) == good
    assert not lock_path(target).exists()
    target.unlink()
    assert fetch_file(url, target, None) == good
    assert lock_path(target).read_text().strip() == good
    source.write_text("[1]")
    target.unlink()
    with pytest.raises(FactError, match=r"expected .* \(.*facts\.json\.sha256\)"):
        fetch_file(url, target, None)
    assert not target.exists()
    with pytest.raises(FactError, match=r"facts\.sha256"):
        fetch_file(url, target, good)
    with pytest.raises(FactError, match="cannot be downloaded"):
        fetch_file((tmp_path / "none.json").as_uri(), target, None)
