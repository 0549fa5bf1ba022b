"""Facts that contradict or repeat each other, or edit a neighbour, are named with both records."""

import time

import pytest

from memat.check_files import check_facts
from memat.errors import FactError
from memat.text.facts import read_facts
from text_samples import record, write_records, write_triples

BLOCKS = {"split": "report", "size": 1, "count": 1, "donor": 0, "tuning": 0}
TWO = (
    record(4, subject="Larry Wall", new="piano"),
    record(8, subject="Jimi Page", new="piano"),
    record(15, subject="larry  wall", new="drums", prompt="The instrument of {} is the"),
)


def config(path, **facts):
    defaults = {"path": str(path), "format": "counterfact"}
    defaults |= {"contradictions": "refuse", "bilingual": False}
    defaults |= dict.fromkeys(("sha256", "reference", "keep_ids", "tuning_ids"))
    sections = {"blocks": BLOCKS, "experiments": [], "repair": {"corrections": None}}
    sections |= {"languages": {"source": "en", "targets": ["ca"]}}
    return {"facts": defaults | facts} | sections


def test_contradictory_facts_are_refused_with_both_records(tmp_path):
    path = write_records(tmp_path, *TWO)
    with pytest.raises(FactError) as caught:
        check_facts(config(path))
    message = str(caught.value)
    for part in (
        str(path),
        "1 contradictory facts",
        "record 1 (case_id 4) and record 3 (case_id 15)",
        "'P1303' of 'Larry Wall' 'piano' and 'drums'",
        "facts.contradictions: drop",
    ):
        assert part in message
    with pytest.raises(FactError, match="record 1"):
        read_facts(path)


def test_only_facts_that_are_used_contradict_each_other(tmp_path):
    keep = tmp_path / "keep.txt"
    keep.write_text("8\n15\n")
    assert check_facts(config(write_records(tmp_path, *TWO), keep_ids=str(keep))) == []


def test_dropped_contradictions_are_announced_and_rejected(tmp_path):
    path = write_records(tmp_path, *TWO)
    (notice,) = check_facts(config(path, contradictions="drop"))
    assert "1 facts are dropped, as they contradict an earlier one" in notice
    assert "case_id 15: record 1 (case_id 4) makes it 'piano'" in notice
    facts, rejected = read_facts(path, contradictions="drop")
    assert facts["case_id"].to_list() == [4, 8]
    assert rejected.select("case_id", "prompt_type", "reason").rows() == [
        (15, "record", "contradicts_earlier_fact")
    ]


def test_a_repeated_fact_counts_once(tmp_path):
    path = write_records(tmp_path, *TWO[:2], record(15, subject="larry  wall", new="Piano"))
    (notice,) = check_facts(config(path))
    assert "1 facts are dropped, as they repeat an earlier one" in notice
    facts, rejected = read_facts(path)
    assert facts["case_id"].to_list() == [4, 8]
    assert rejected["reason"].to_list() == ["repeats_earlier_fact"]


def test_a_target_that_makes_a_neighbour_false_is_announced_with_both_records(tmp_path):
    records = [
        record(4, subject="Larry Wall", neighbours=["jimi page plays the", "Jimi Hawk plays the"]),
        record(8, subject="Jimi Page", new="drums", neighbours=[]),
    ]
    (notice,) = check_facts(config(write_records(tmp_path, *records)))
    assert "1 neighbour prompts are no longer true" in notice
    assert (
        "'jimi page plays the' of record 1 (case_id 4) is 'drums' in record 2 (case_id 8)" in notice
    )
    # facts of the tuning split are never edited with those of the report
    tuning = tmp_path / "tuning.txt"
    tuning.write_text("8\n")
    path = write_records(tmp_path, *records)
    assert check_facts(config(path, tuning_ids=str(tuning))) == []


def test_many_examples_are_counted_not_listed(tmp_path):
    rows = [
        {"relation": "R", "subject": f"Land {i // 2}", "target_true": "a", "target_new": f"b{i}"}
        for i in range(20)
    ]
    path = write_triples(tmp_path, rows, "R: {rewrite: 'The town of {} is'}")
    with pytest.raises(FactError, match=r"10 contradictory facts: .*; and 7 more; leave out"):
        check_facts(config(path, format="triples"))


def test_checking_many_triples_takes_seconds(tmp_path):
    """As many neighbours as can be: every fact shares relation and true target with all."""
    rows = [
        {"relation": "R", "subject": f"Land {i}", "target_true": "a", "target_new": f"b{i % 9}"}
        for i in range(25_000)
    ]
    path = write_triples(tmp_path, rows, "R: {rewrite: 'The town of {} is'}")
    start = time.process_time()
    (notice,) = check_facts(config(path, format="triples", triples={"neighbours": "from_table"}))
    assert time.process_time() - start < 15  # 75 where each fact looks at all others
    assert "250000 neighbour prompts" in notice
