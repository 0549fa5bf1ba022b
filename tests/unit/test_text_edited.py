"""A neighbour that is edited itself is none: it is taken out, counted, and never scored as 0."""

import re

import polars as pl
import pytest

from memat.edit.requests import facts_of_block, without_prompts
from memat.evaluate.fact_metrics import fact_metrics
from memat.text.blocks import BLOCK_SCHEMA
from memat.text.edited import EditedFacts, edited_neighbours
from memat.text.facts import read_facts
from memat.text.funnel import drawn_rows, funnel_table
from memat.text.lost import left_out_neighbours
from memat.text.rejections import rejected_table
from text_samples import facts_of, record, untranslated, write_triples

RELATIONS = range(8)
TEMPLATES = "".join(
    f"R{n}:\n  rewrite: 'The {n}. town of {{}} is'\n  paraphrases: ['{{}} has as {n}. town']\n"
    for n in RELATIONS
)
# 14 of 24 facts are edited: two subjects of six relations, one of the other two
EDITED = [3 * relation + place + 1 for relation in RELATIONS for place in range(2 - relation // 6)]


def sets(case_ids, block="0"):
    return pl.DataFrame([(case_id, block) for case_id in case_ids], BLOCK_SCHEMA, orient="row")


@pytest.fixture
def trial(tmp_path):
    """8 relations of 3 subjects that share their true target, with neighbours from the table."""
    rows = [
        {"relation": f"R{n}", "subject": f"Land {n} {place}", "target_true": f"Old {n}"}
        | {"target_new": f"New {n} {place}"}
        for n in RELATIONS
        for place in "abc"
    ]
    facts = read_facts(
        write_triples(tmp_path, rows, TEMPLATES), "triples", own={"neighbours": "from_table"}
    )
    bilingual, rejected = untranslated(facts[0])
    assert rejected.is_empty()
    return facts[0], bilingual


def scored(rows, stays):
    """Scores of a model that says the new target where it was edited, and where nothing stays."""
    asked = pl.col("prompt_type") == "neighborhood"
    kept = asked & pl.col("subject").is_in(stays)
    likely = pl.when(kept).then(pl.col("role") == "target_true")
    likely = likely.otherwise(pl.col("role") == "target_new")
    return rows.with_columns(
        block=pl.lit("0"), nll=likely.cast(pl.Float64) * -4 + 5, n_tokens=1, is_greedy=likely
    )


def test_the_trial_of_eight_relations(trial):
    _, bilingual = trial
    blocks = sets(EDITED)
    edited = edited_neighbours(bilingual, blocks, "en")
    assert edited.height == 12
    assert set(edited["reason"]) == {"neighbour_is_edited"}
    for language in ("en", "ca"):
        rows = facts_of_block(bilingual, blocks, "0", language)
        neighbours = rows.filter(prompt_type="neighborhood", role="target_true")
        unedited = {f"Land {n} c" for n in RELATIONS} | {"Land 6 b", "Land 7 b"}
        # the edit leaves 7 of the 16 other neighbours as they were
        stays = ["Land 0 c", "Land 1 c", "Land 2 c", "Land 6 b"]
        left = without_prompts(rows, edited)
        asked = left.filter(prompt_type="neighborhood", role="target_true")["subject"].to_list()
        assert (len(neighbours), len(asked)) == (28, 16)
        assert set(asked) <= unedited
        assert left.filter(pl.col("prompt_type") != "neighborhood").height == 14 * 4
        assert left.filter(prompt_type="neighborhood").height == 2 * 16

        def success(frame, stays=stays):
            values = fact_metrics(scored(frame, stays), ["success"]).filter(metric="NS")["value"]
            return 100 * values.mean()

        assert success(rows) == pytest.approx(25.0)
        assert success(rows.join(left, on=rows.columns, how="anti", nulls_equal=True)) == 0
        assert success(left) == pytest.approx(100 * (6 + 1 / 2) / 14)
        assert 100 * sum(subject in stays for subject in asked) / 16 == 43.75


def test_sets_do_not_edit_each_others_neighbours_and_nested_ones_follow_the_whole(trial):
    _, bilingual = trial
    blocks = pl.concat([sets([0, 3, 6]), sets([1, 4, 5], "1"), sets([2], "tuning")])
    edited = edited_neighbours(bilingual, blocks, "en")
    assert sorted(edited["case_id"].to_list()) == [4, 5]
    rows = without_prompts(facts_of_block(bilingual, blocks, "1-first-2", "ca"), edited)
    assert rows.filter(prompt_type="neighborhood", role="target_new").rows_by_key(
        "case_id"
    ).keys() == {
        1,
        4,
    }
    assert rows.filter(prompt_type="neighborhood", case_id=4, role="target_new").height == 1


def test_the_funnel_counts_the_facts_that_are_used_and_their_neighbours(trial):
    facts, bilingual = trial
    blocks = sets(EDITED)
    edited = edited_neighbours(bilingual, blocks, "en")
    drawn = drawn_rows(bilingual, blocks, edited, "en", ["ca"])
    last = funnel_table(facts, edited, ["ca"], drawn).row(-1, named=True)
    assert last == {
        "step": "used",
        "language": None,
        "records": 14,
        "dropped": 10,
        "reasons": '{"in_no_set": 10}',
        "prompts_dropped": 12,
        "prompt_reasons": '{"neighbour_is_edited": 12}',
        "neighbours": 16,
        "portability": 0,
        "surprising": None,
    }
    alone = bilingual.filter(pl.col("prompt_type") != "neighborhood")
    (row,) = drawn_rows(alone, blocks, rejected_table([]), "en", ["ca"])
    assert row["neighbours"] == 0


def test_neighbours_left_out_are_listed_with_their_sentence_and_the_fact_that_edits_them(trial):
    facts, bilingual = trial
    listed = left_out_neighbours(facts, edited_neighbours(bilingual, sets(EDITED), "en"))
    assert listed.height == 12
    true = dict(facts.select("case_id", "target_true").iter_rows())
    for row in listed.iter_rows(named=True):
        assert row["sentence"].endswith(f" {true[row['case_id']]}.")
        assert re.match(r"edited by case \d+: ", row["detail"])
        assert row["detail"].split(": ")[1] in row["sentence"]
        assert "is edited" in row["why"]


def test_an_edited_subject_is_found_however_it_is_written():
    edited = EditedFacts()
    edited.add(7, "P36", "Larry  Wall", "Larry Wall was born in")
    assert edited.editing("P36", "The home of larry wall is", "larry\u00a0wall") == 7
    assert edited.editing("P36", "The home of Larry Wallace is", "Larry Wallace") is None
    assert edited.editing("P50", "The home of Larry Wall is", "Larry Wall") is None
    # no subject could be told: as whole words of the prompt
    assert edited.editing("P36", "the home of larry wall's family is", None) == 7
    assert edited.editing("P36", "the home of larry walls is", None) is None
    # the edited prompt itself, whatever was taken for its subject
    assert edited.editing("P36", "Larry Wall was born in", "Wall") == 7


def test_counterfact_records_lose_edited_neighbours_too(tmp_path):
    records = [
        record(1, neighbours=["Jimi Hendrix plays the", "jimi page performs on the"]),
        record(2, subject="Jimi Page", neighbours=[]),
        record(3, subject="Jimi Hendrix", relation="P9", neighbours=[]),
    ]
    bilingual, _ = untranslated(facts_of(tmp_path, *records))
    assert bilingual["case_id"].n_unique() == 3  # a fact that was given no neighbour stays
    edited = edited_neighbours(bilingual, sets([1, 2, 3]), "en")
    assert edited.rows(named=True) == [
        {
            "case_id": 1,
            "stage": "assign_blocks",
            "language": None,
            "prompt_type": "neighborhood",
            "index": 1,
            "role": None,
            "reason": "neighbour_is_edited",
            "detail": "edited by case 2: jimi page performs on the",
        }
    ]
