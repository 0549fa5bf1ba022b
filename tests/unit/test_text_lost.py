"""What is lost is listed with its sentence and reason, and counted where nothing is left."""

import ast

import polars as pl
import pytest

import assign_blocks
import list_lost
from memat import io
from memat.errors import NotEnoughFacts, NothingLeft
from memat.report.figure_dataset import draw_funnel, draw_overlap
from memat.text.funnel import funnel_table
from memat.text.gender import LeastPrompts
from memat.text.lost import LOST_SCHEMA, REASONS, in_words, lost_table, source_sentence
from memat.text.overlap import overlap_table
from memat.text.prompts import BILINGUAL_SCHEMA
from memat.text.reader import read_format
from memat.text.rejections import Rejection, losses_in_words, rejected_table
from memat.text.repaired import REPAIRED_SCHEMA
from memat.text.review import review_table
from stages import PROVENANCE, stage
from text_samples import REPOSITORY, bilingual_facts, facts_of, language, record, write_records

REJECTED = rejected_table(
    [
        Rejection(
            3,
            "repair_structure",
            "paraphrase",
            "target_not_final",
            1,
            "target_true",
            "el guitarra és",
        ),
        Rejection(2, "duplicate_gender", "record", "too_few_paraphrases", detail="0 of at least 1"),
        Rejection(1, "repair_structure", "record", "subject_not_found", role="target_new"),
        Rejection(1, "repair_structure", "rewrite", "subject_not_found", 0, "target_new"),
        Rejection(4, "duplicate_gender", "record", "too_few_paraphrases", detail="0 of at least 1"),
    ]
)


def bilingual_of(*case_ids):
    rows = [{"case_id": case_id, "split": "report"} for case_id in case_ids]
    return pl.DataFrame(
        [dict.fromkeys(BILINGUAL_SCHEMA) | row for row in rows], schema=BILINGUAL_SCHEMA
    )


def test_lost_facts_come_first_with_sentence_and_reason_in_words(tmp_path):
    source, _ = read_format(write_records(tmp_path, *map(record, range(5))), "counterfact")
    lost = lost_table(source, REJECTED)
    assert lost["what"].to_list() == ["fact", "fact", "fact", "prompt", "prompt"]
    assert lost.height == REJECTED.height
    fact, prompt = lost.row(0, named=True), lost.filter(case_id=3).row(0, named=True)
    assert fact["sentence"] == "Toko Yasuda plays the piano."
    assert fact["why"] == REASONS["subject_not_found"]
    assert fact["prompt_type"] is None
    assert prompt == {
        "case_id": 3,
        "what": "prompt",
        "language": None,
        "prompt_type": "paraphrase",
        "target_role": "target_true",
        "stage": "repair_structure",
        "reason": "target_not_final",
        "why": REASONS["target_not_final"],
        "sentence": "Toko Yasuda is good at the guitar.",
        "detail": "el guitarra és",
        "subject": "Toko Yasuda",
    }


def test_a_loss_without_a_fact_or_a_target_is_listed_all_the_same(tmp_path):
    source, _ = read_format(write_records(tmp_path, record(1)), "counterfact")
    rejected = rejected_table([Rejection(77, "read_facts", "record", "not_in_keep_ids")])
    assert lost_table(source, rejected).select("case_id", "sentence", "subject").row(0) == (
        *(77, None),
        None,
    )
    unknown_truth = source[0] | {"target_true": None}
    assert source_sentence(unknown_truth, "neighborhood", 0, "target_true") == (
        "Jimi Hendrix plays the."
    )


def test_losses_are_counted_by_reason_the_commonest_first():
    assert losses_in_words(bilingual_of(8, 9, 9), REJECTED, "results/lost.csv") == (
        "2 of 5 facts left: 2 too_few_paraphrases, 1 subject_not_found; see results/lost.csv"
    )
    nothing = rejected_table([])
    assert (
        losses_in_words(bilingual_of(8), nothing, "lost.csv") == "1 of 1 facts left; see lost.csv"
    )


@pytest.mark.parametrize(
    ("left", "error", "message"),
    [
        (
            (),
            NothingLeft,
            r"^0 of 3 facts left: 2 too_few_paraphrases, 1 subject_not_found; see .*",
        ),
        ((8,), NotEnoughFacts, r"need 2 facts; .* has 1 left.*1 of 4 facts left: 2 too_few_par"),
    ],
)
def test_the_stage_that_needs_facts_counts_what_was_lost(tmp_path, left, error, message):
    inputs = {name: str(tmp_path / f"{name}.parquet") for name in ("bilingual", "subset")}
    rejected = str(tmp_path / "rejected.parquet")
    bilingual = bilingual_of(*left)
    io.write_table(inputs["bilingual"], bilingual, PROVENANCE)
    io.write_table(inputs["subset"], bilingual.select("case_id"), PROVENANCE)
    io.write_table(rejected, REJECTED, PROVENANCE)
    inputs |= {"rejected": [rejected], "lost": "results/dataset/lost.csv"}
    cfg = {"split": "report", "size": 2, "count": 1, "donor": 0, "tuning": 0}
    with pytest.raises(error, match=message) as raised:
        assign_blocks.main(stage(inputs, {"blocks": str(tmp_path / "b")}, cfg, seed=0))
    assert "see results/dataset/lost.csv" in str(raised.value)


def test_the_list_is_a_csv(tmp_path):
    path = write_records(tmp_path, *map(record, range(5)))
    rejected, lost = str(tmp_path / "rejected.parquet"), str(tmp_path / "lost.csv")
    io.write_table(rejected, REJECTED, PROVENANCE)
    inputs = {"facts": str(path), "rejected": [rejected]}
    settings = {"format": "counterfact", "own": {}}
    assert list_lost.main(stage(inputs, {"lost": lost}, settings)) == "3 lost facts, 2 lost prompts"
    assert pl.read_csv(lost, schema=LOST_SCHEMA).height == REJECTED.height


def test_stages_before_the_blocks_take_an_empty_table(tmp_path):
    """So that funnel and list are on disk when the run stops for want of facts."""
    facts, repaired = facts_of(tmp_path, record(1)), pl.DataFrame(schema=REPAIRED_SCHEMA)
    lost = rejected_table(
        [Rejection(1, "repair_structure", "record", "target_not_final", language="ca")]
    )
    languages = language("en"), language("ca")
    bilingual, rejected = bilingual_facts(facts, repaired, *languages, LeastPrompts())
    assert bilingual.is_empty()
    assert rejected.is_empty()
    assert review_table(repaired, lost, sample=3, seed=0).is_empty()
    assert funnel_table(facts, lost, ["ca"])["records"].to_list()[-1] == 0
    draw_funnel(funnel_table(facts, lost, ["ca"]), lost)
    overlap = overlap_table(bilingual, lambda text: text.encode(), "en", ["ca"])
    draw_overlap(overlap, same=1.0, different=0.5)


def test_every_reason_that_a_stage_gives_has_a_sentence():
    """A code stands as a text in the call that rejects, or in a function that tells the fault."""
    given = set()
    for path in (REPOSITORY / "workflow_scripts" / "memat" / "text").glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "")
            if called in ("Rejection", "Unrepairable", "_reject"):
                given |= _codes(node)
            elif isinstance(node, ast.FunctionDef) and node.name.endswith("_fault"):
                given |= _codes(ast.Module(node.body, []))
    assert {"target_not_final", "too_few_neighborhood", "not_in_keep_ids"} <= given
    assert given - REASONS.keys() == set(), "memat/text/lost.py has no sentence for these"
    assert in_words("some_new_code") == "Some new code."


def _codes(tree: ast.AST) -> set[str]:
    """Reason codes: texts of two words or more joined by underscores, column names aside."""
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = {text for text in constants if isinstance(text, str)}
    columns = {"case_id", "target_new", "target_true", *REPAIRED_SCHEMA}
    return {text for text in texts if "_" in text and text.isascii() and text.islower()} - columns
