"""Facts in cells for people: no formula runs, no tag opens, and the texts come back whole."""

import csv

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memat import io
from memat.cells import cell_text, markdown_cell, with_formulas, without_formulas
from memat.csv_files import read_csv_rows
from memat.errors import CorrectionsFileError
from memat.report.markdown import markdown_table
from memat.report.tables import SUMMARY_SCHEMA
from memat.text.engines.table import TableEngine
from memat.text.facts import FACT_SCHEMA
from memat.text.prompts import list_prompts
from memat.text.review import review_table
from memat.text.reviewed import COLUMNS, read_corrections

FORMULA, SCRIPT = "=cmd|' /C calc'!A0", "<script>alert(1)</script>"
RISKY = [FORMULA, "+1 Song", "-40 degrees", "@home", "\tindent", "\rreturn", "'=x", "''@x"]
PLAIN = [SCRIPT, "'Abd al-Malik", "L'Aquila", "a=b", "", "’=", "--é"[2:]]


def cells_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [row[0] for row in csv.reader(file)][1:]


def test_cells_that_a_spreadsheet_would_run_are_written_as_texts(tmp_path):
    frame = pl.DataFrame({"subject": [*RISKY, *PLAIN]})
    io.write_csv(tmp_path / "t.csv", frame)
    assert cells_of(tmp_path / "t.csv") == ["'" + text for text in RISKY] + PLAIN
    back = io.read_csv(tmp_path / "t.csv").fill_null("")
    assert back.equals(frame)
    rows = read_csv_rows(tmp_path / "t.csv", ["subject"], CorrectionsFileError)
    assert [row["subject"] for _line, row in rows] == [*RISKY, *PLAIN]


def test_numbers_and_missing_cells_stay_as_they_are(tmp_path):
    frame = pl.DataFrame({"n": [-1, 2], "x": [-0.5, None], "t": [None, "-"], "b": [True, False]})
    io.write_csv(tmp_path / "t.csv", frame)
    assert (tmp_path / "t.csv").read_text() == "n,x,t,b\n-1,-0.5,,true\n2,,'-,false\n"
    kinds = frame.with_columns(t=pl.lit("-", dtype=pl.Enum(["-"])))
    assert without_formulas(kinds)["t"].to_list() == ["'-"] * 2


@given(st.text(st.characters(exclude_categories=["Cs"], include_characters="'=+-@\t\r")))
def test_every_text_comes_back(text):
    frame = pl.DataFrame({"t": [text]})
    safe = without_formulas(frame)
    assert with_formulas(safe).equals(frame)
    assert cell_text(safe["t"][0]) == text
    assert safe["t"][0][:1] not in ("=", "+", "-", "@", "\t", "\r")


def test_rows_of_a_review_saved_as_corrections_give_the_facts_words(tmp_path):
    fact = {
        **{"case_id": 1, "relation_id": "P1", "subject": "s", "prompt": "{} is"},
        **{"target_new": "a", "target_true": "b"},
        **{"paraphrase_prompts": ["s was"], "neighborhood_prompts": ["t is"]},
    }
    unasked = dict.fromkeys(FACT_SCHEMA, None)
    facts = pl.DataFrame([unasked | fact], schema=FACT_SCHEMA)
    rejected = pl.DataFrame(
        {
            "case_id": 1,
            "role": "target_new",
            "prompt_type": "rewrite",
            "index": 0,
            "stage": "repair_structure",
            "reason": "target_not_final",
            "detail": "-- {}",
            "source": f"{FORMULA} lies in {SCRIPT}",
        },
    )
    nothing = pl.DataFrame(
        schema={"flags": pl.List(pl.String), "template": pl.String}
        | dict.fromkeys(("case_id", "index"), pl.Int64)
        | dict.fromkeys(("prompt_id", "role", "prompt_type", "prompt", "relation_id"), pl.String)
    )
    review = review_table(nothing, rejected, sample=0, seed=0)
    corrected = review.with_columns(
        prompt=pl.lit("@ {} és a"), target=pl.lit(SCRIPT), subject=pl.lit(FORMULA)
    )
    io.write_csv(tmp_path / "corrections.csv", corrected)
    assert f"'{FORMULA} lies in" in (tmp_path / "corrections.csv").read_text()
    found = read_corrections(tmp_path / "corrections.csv", list_prompts(facts, "en")).by_fact[1]
    (correction,) = found.values()
    assert (correction.prompt, correction.target) == ("@ {} és a", SCRIPT)
    assert correction.subject == FORMULA


def test_a_translation_table_gives_the_sentences_as_they_were(tmp_path):
    table = pl.DataFrame({"source": [f"{FORMULA} is in", "-1 is"], "translation": ["+ és", SCRIPT]})
    io.write_csv(tmp_path / "table.csv", table)
    translated = TableEngine(tmp_path / "table.csv").translate([f"{FORMULA} is in", "-1 is"])
    assert [translation.text for translation in translated] == ["+ és", SCRIPT]


def test_a_file_that_is_no_csv_of_the_columns_is_named(tmp_path):
    path = tmp_path / "c.csv"
    with pytest.raises(CorrectionsFileError, match=r"c\.csv: cannot be read"):
        read_csv_rows(path, COLUMNS, CorrectionsFileError)
    path.write_text("case_id,role\n1,target_new\n")
    with pytest.raises(CorrectionsFileError, match="no column 'prompt_type'"):
        read_csv_rows(path, COLUMNS, CorrectionsFileError)
    path.write_text("a,b\n1\n1,2,3\n")
    rows = read_csv_rows(path, ["a"], CorrectionsFileError)
    assert [(line, row["b"]) for line, row in rows] == [(2, None), (3, "2")]


@pytest.mark.parametrize("text", [SCRIPT, "a | b", "a\nb\r\nc", "&lt;b&gt;", FORMULA])
def test_a_markdown_cell_has_no_tag_and_ends_where_it_should(text):
    cell = markdown_cell(text)
    assert "<" not in cell
    assert "\n" not in cell
    assert cell.count("|") == cell.count("\\|")


def test_names_in_the_results_table_are_cells(tmp_path):
    row = dict.fromkeys(SUMMARY_SCHEMA) | {
        "experiment": f"a|{SCRIPT}",
        "method": "memit",
        "eval_language": "en",
        "metric": "ES",
        "value": 1.0,
        "n_facts": 3,
    }
    table = markdown_table(pl.DataFrame([row], schema=SUMMARY_SCHEMA), ["success"], 0.95)
    assert "<script" not in table
    assert "| a\\|&lt;script&gt;" in table
