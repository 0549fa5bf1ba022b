"""A person's corrections: rows of the review table, edited, and what becomes of their facts."""

import csv
import io as text_io

import polars as pl
import pytest

from memat.errors import CorrectionsFileError
from memat.text.corrected import corrections_line
from memat.text.gender import LeastPrompts
from memat.text.prompts import list_prompts, prompt_id
from memat.text.review import review_table
from memat.text.reviewed import read_corrections
from text_samples import (
    INSTRUMENTS,
    bilingual_facts,
    check_invariants,
    facts_of,
    language,
    record,
    repaired,
)

KEYS = ["case_id", "role", "prompt_type", "index"]
LEAST = LeastPrompts(1, 1)


def corrections(tmp_path, *lines):
    path = tmp_path / "corrections.csv"
    path.write_text(
        "case_id,role,prompt_type,index,prompt,target\n" + "\n".join(lines) + "\n", "utf-8"
    )
    return path


def save_as_spreadsheet(path, rows, separator=";"):
    """As a spreadsheet in Spain writes UTF-8 CSV."""
    text = text_io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    return path


def prompts_in(tmp_path, *records):
    return list_prompts(facts_of(tmp_path, *records), "en")


class Run:
    """Repair and pairing of made-up translations, again and again as the user calls them."""

    def __init__(self, tmp_path, *records, catalan=INSTRUMENTS):
        self.folder, self.records, self.catalan = tmp_path, records, catalan
        self.facts = facts_of(tmp_path, *records)
        self.path = tmp_path / "corrections.csv"

    def run(self, corrected=False):
        reviewed = (
            read_corrections(self.path, list_prompts(self.facts, "en")) if corrected else None
        )
        self.repaired, self.rejected = repaired(
            self.folder, *self.records, catalan=self.catalan, reviewed=reviewed
        )
        check_invariants(self.repaired, self.rejected)
        self.bilingual, self.unequal = bilingual_facts(
            self.facts, self.repaired, language("en"), language("ca"), LEAST
        )
        return self

    def edit(self, changes, **row):
        """Save the review table with one row changed, as the user does."""
        review = review_table(self.repaired, self.rejected, sample=999, seed=0)
        rows = [{k: "" if v is None else v for k, v in r.items()} for r in review.to_dicts()]
        edited = [r for r in rows if all(r[k] == v for k, v in row.items())]
        assert len(edited) == 1
        edited[0].update(changes)
        save_as_spreadsheet(self.path, rows)
        return edited[0]

    def of(self, role="target_new", **row):
        return self.bilingual.filter(language="ca", role=role, **row)


def wall(case_id=1, **changes):
    """A fact whose subject, a surname, the made-up translator takes for a verb."""
    prompts = ["It rained. Wall performs on the", "The instrument of Wall is the"]
    return record(case_id, subject="Wall", paraphrases=prompts, **changes)


WALLED = INSTRUMENTS | {"Wall": "Emmurallar", "wall": "paret", " is the": " és el"}
WALLED |= {"The instrument of": "L'instrument de"}


def test_a_subject_corrected_in_one_row_is_corrected_in_all_and_the_fact_stays(tmp_path):
    run = Run(tmp_path, wall(), record(2), catalan=WALLED)
    run.run()
    assert set(run.of(case_id=1, prompt_type="rewrite")["subject"]) == {"Emmurallar"}
    run.edit({"subject": "Larry Wall"}, case_id=1, role="target_new", prompt_type="rewrite")
    before = run.bilingual
    run.run(corrected=True)
    assert run.bilingual.select(KEYS).equals(before.select(KEYS))
    for role in ("target_new", "target_true"):
        prompts = run.of(role, case_id=1)
        assert not prompts.filter(pl.col("prompt").str.contains("Emmurallar")).height
        own = prompts.filter(pl.col("prompt_type") != "neighborhood")
        assert own.filter(pl.col("prompt").str.contains("Larry Wall", literal=True)).height == 3
        assert set(own["subject"]) == {"Larry Wall"}
        assert any(prompt.startswith("L'instrument de Larry Wall") for prompt in own["prompt"])
    other = pl.col("case_id") == 2
    assert run.bilingual.filter(other).equals(before.filter(other))
    line = corrections_line(run.repaired, run.rejected)
    assert line == (
        "corrections: 1 prompts corrected, 5 follow them, 0 prompts and 0 facts dropped by them"
    )


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("Ferro", {"Ferro toca el", "L'instrument de Ferro és el"}),
        ("el Tàmesi", {"El Tàmesi toca el", "L'instrument del Tàmesi és el"}),
        ("Anna", {"Anna toca el", "L'instrument d'Anna és el"}),
    ],
)
def test_a_new_subject_remakes_elisions_and_the_first_capital(tmp_path, new, expected):
    one = record(subject="Iron", paraphrases=["The instrument of Iron is the"], neighbours=["A b"])
    catalan = INSTRUMENTS | {"The instrument of": "L'instrument de", " is the": " és el"}
    run = Run(tmp_path, one, catalan=catalan).run()
    run.edit({"subject": new}, role="target_true", prompt_type="rewrite")
    run.run(corrected=True)
    prompts = run.repaired.filter(pl.col("prompt_type") != "neighborhood", role="target_new")
    assert set(prompts["prompt"]) == expected


def test_a_target_corrected_in_one_row_takes_its_article_along_in_all_of_its_role(tmp_path):
    run = Run(tmp_path, record(1, new="lyre")).run()
    edited = run.edit(
        {"prompt": "{} toca la", "target": "lira"},
        case_id=1,
        role="target_new",
        prompt_type="rewrite",
    )
    assert edited["subject"] == "Toko Yasuda"
    run.run(corrected=True)
    new, true = run.of("target_new"), run.of("target_true")
    assert set(new["target"]) == {"lira"}
    assert set(true["target"]) == {"guitarra"}
    assert new["prompt"].to_list() == [
        "Toko Yasuda toca la",
        "Ha plogut. Toko Yasuda actua a la",
        "Toko Yasuda domina la",
        "Jimi Hendrix toca la",
        "Keith Richards toca la",
    ]
    assert not run.repaired.filter(pl.col("flags").list.contains("article_unsure")).height


def test_a_target_whose_article_nobody_knows_stays_and_is_flagged(tmp_path):
    one = record(1, paraphrases=["Toko Yasuda loves", "Toko Yasuda performs on the"])
    run = Run(tmp_path, one, catalan=INSTRUMENTS | {"loves": "estima"}).run()
    changes = {"target": "flauta"}
    run.edit(changes, role="target_new", prompt_type="paraphrase", index=0)
    run.run(corrected=True)
    assert set(run.of("target_new")["target"]) == {"flauta"}
    flagged = run.repaired.filter(pl.col("flags").list.contains("article_unsure"))
    assert set(flagged["prompt_type"]) == {"rewrite", "paraphrase", "neighborhood"}
    assert flagged.height == 4


def test_the_unchanged_review_table_changes_nothing(tmp_path):
    records = [record(1), record(2, new="organ"), record(3, prompt="{} sells the")]
    catalan = {"John sells the guitar.": "De guitarra ven John."} | INSTRUMENTS
    run = Run(tmp_path, *records, catalan=catalan).run()
    before = run.repaired, run.rejected
    run.edit({}, case_id=1, role="target_new", prompt_type="rewrite")
    run.run(corrected=True)
    assert (run.repaired.equals(before[0]), run.rejected.equals(before[1])) == (True, True)


def test_the_table_reviewed_again_keeps_the_corrections(tmp_path):
    """The review of a corrected run, saved as it is, holds the same corrections."""
    run = Run(tmp_path, wall(), catalan=WALLED).run()
    run.edit({"subject": "Larry Wall"}, role="target_new", prompt_type="rewrite")
    once = run.run(corrected=True).bilingual
    run.edit({}, role="target_new", prompt_type="rewrite")
    assert run.run(corrected=True).bilingual.equals(once)


def test_a_prompt_emptied_by_a_person_is_dropped_for_both_targets_and_announced(tmp_path):
    run = Run(tmp_path, record(1)).run()
    run.edit({"prompt": "", "target": ""}, role="target_true", prompt_type="paraphrase", index=0)
    run.run(corrected=True)
    assert run.of().height == 4
    dropped = run.rejected.select("role", "prompt_type", "index", "reason", "detail").rows()
    place = f"{run.path}: line "
    assert [row[:4] for row in dropped] == [
        (role, "paraphrase", 0, "dropped_by_correction") for role in ("target_new", "target_true")
    ]
    assert all(row[4].startswith(place) for row in dropped)
    assert run.unequal.is_empty()
    assert "2 prompts and 0 facts dropped" in corrections_line(run.repaired, run.rejected)


@pytest.mark.parametrize(
    ("prompt_type", "reason", "detail"),
    [
        ("rewrite", "dropped_by_correction", "rewrite_lost"),
        ("neighborhood", "lost_by_correction", "too_few_neighborhood: 0 of at least 1"),
    ],
)
def test_a_fact_lost_by_a_correction_is_named_with_the_line(tmp_path, prompt_type, reason, detail):
    run = Run(tmp_path, record(7, neighbours=["Jimi Hendrix plays the"]), record(8)).run()
    run.edit({"prompt": "", "target": ""}, case_id=7, role="target_new", prompt_type=prompt_type)
    run.run(corrected=True)
    assert set(run.bilingual["case_id"]) == {8}
    (lost,) = run.rejected.filter(prompt_type="record").to_dicts()
    assert (lost["case_id"], lost["reason"]) == (7, reason)
    assert "corrections.csv: line " in lost["detail"]
    assert detail in lost["detail"]
    assert "1 facts dropped by them (case_id 7)" in corrections_line(run.repaired, run.rejected)


def test_a_target_that_becomes_the_other_target_loses_the_fact_by_name(tmp_path):
    run = Run(tmp_path, record(1)).run()
    changes = {"prompt": "{} toca la", "target": "guitarra"}
    run.edit(changes, role="target_new", prompt_type="rewrite")
    run.run(corrected=True)
    (lost,) = run.rejected.filter(prompt_type="record").to_dicts()
    assert lost["reason"] == "lost_by_correction"
    assert "targets_equal" in lost["detail"]


def test_corrections_touch_only_the_rows_they_name(tmp_path):
    records = [record(1), record(2)]
    path = corrections(
        tmp_path,
        '1,target_new,rewrite,0,"{}, amb el",piano',
        "1,target_new,paraphrase,1,Toko Yasuda excel·leix al,piano",
    )
    reviewed = read_corrections(path, prompts_in(tmp_path, *records))
    before, _ = repaired(tmp_path, *records)
    after, rejected = repaired(tmp_path, *records, reviewed=reviewed)
    check_invariants(after, rejected)
    changed = after.join(before, on=KEYS).filter(pl.col("prompt") != pl.col("prompt_right"))
    assert changed.select(KEYS).rows() == [
        (1, "target_new", "rewrite", 0),
        (1, "target_new", "paraphrase", 1),
    ]
    assert changed["prompt"].to_list() == ["Toko Yasuda, amb el", "Toko Yasuda excel·leix al"]
    assert rejected.is_empty()


def test_a_correction_brings_a_lost_record_back(tmp_path):
    one = record(5, prompt="{} sells the")
    catalan = INSTRUMENTS | {"John sells the piano.": "De piano ven John."}
    assert repaired(tmp_path, one, catalan=catalan)[0].is_empty()
    path = corrections(tmp_path, "5,target_new,rewrite,0,{} ven el,piano")
    reviewed = read_corrections(path, prompts_in(tmp_path, one))
    prompts, rejected = repaired(tmp_path, one, catalan=catalan, reviewed=reviewed)
    check_invariants(prompts, rejected)
    assert prompts.height == 10


# --- what is refused before anything starts ---------------------------------------------------


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("9,target_new,rewrite,0,{} a,b", "line 2: case_id 9 is not among the facts"),
        ("1,target,rewrite,0,{} a,b", "role 'target' is unknown; allowed: target_new"),
        ("1,target_new,prompt,0,{} a,b", "prompt_type 'prompt' is unknown"),
        ("1,target_new,paraphrase,2,a,b", "has 2 paraphrase prompts, no index 2"),
        ("1,target_new,rewrite,0,a,b", "exactly one '{}'"),
        ("1,target_new,paraphrase,0,{} a,b", "no '{}'"),
        ("1,target_new,paraphrase,0,a,", "both be given"),
        ("x,target_new,paraphrase,0,a,b", "whole numbers"),
        (
            "1,target_new,paraphrase,0,a,b\n1,target_new,paraphrase,0,a,b",
            "line 3: the prompt of line 2 is corrected again",
        ),
        (
            "1,target_new,paraphrase,0,a,b\n1,target_new,paraphrase,1,a,c",
            "line 3: target_new has one form in all prompts of a fact; the file says 'b' (line 2),",
        ),
    ],
)
def test_a_wrong_correction_names_its_line(tmp_path, line, problem):
    with pytest.raises(CorrectionsFileError) as caught:
        read_corrections(corrections(tmp_path, line), prompts_in(tmp_path, record(1)))
    assert problem in str(caught.value)
    assert "corrections.csv" in str(caught.value)


def test_all_faults_of_a_file_are_named_at_once(tmp_path):
    path = corrections(tmp_path, "9,target_new,rewrite,0,{} a,b", "", "1,target_new,rewrite,0,a,b")
    with pytest.raises(CorrectionsFileError) as caught:
        read_corrections(path, prompts_in(tmp_path, record(1)))
    assert str(caught.value).split("\n") == [
        f"{path}: 2 faults:",
        "  line 2: case_id 9 is not among the facts",
        "  line 4: prompt must have exactly one '{}', found 0",
    ]


def test_a_subject_that_does_not_stand_in_the_prompt_is_refused(tmp_path):
    run = Run(tmp_path, wall(), catalan=WALLED).run()
    row = run.edit({"subject": "Larry Wall"}, role="target_new", prompt_type="paraphrase", index=0)
    with pytest.raises(CorrectionsFileError, match="the subject 'Larry Wall' does not stand in"):
        read_corrections(run.path, list_prompts(run.facts, "en"))
    fixed = {"prompt": row["prompt"].replace("Emmurallar", "Larry Wall")}
    run.edit(
        fixed | {"subject": "Larry Wall"}, role="target_new", prompt_type="paraphrase", index=0
    )
    run.run(corrected=True)
    assert set(run.of(case_id=1, prompt_type="rewrite")["subject"]) == {"Larry Wall"}


def test_two_new_forms_of_one_subject_contradict_each_other(tmp_path):
    run = Run(tmp_path, wall(), catalan=WALLED).run()
    header = "case_id,role,prompt_type,index,prompt,target,subject\n"
    run.path.write_text(
        f"{header}1,target_new,rewrite,0,{{}} toca el,piano,Larry Wall\n"
        "1,target_true,rewrite,0,{} toca la,guitarra,Larry Mur\n"
    )
    with pytest.raises(CorrectionsFileError, match="line 3: the subject is 'Larry Mur' here and"):
        run.run(corrected=True)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separators_of_spreadsheets_are_understood(tmp_path, separator):
    row = {"case_id": 1, "role": "target_new", "prompt_type": "rewrite", "index": 0}
    rows = [row | {"prompt": "{} és, ai;", "target": "x"}]
    path = save_as_spreadsheet(tmp_path / "c.csv", rows, separator)
    found = read_corrections(path, prompts_in(tmp_path, record(1)))
    assert found.by_fact[1][prompt_id(1, "target_new", "rewrite", 0)].prompt == "{} és, ai;"


def test_a_corrections_file_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_text("case_id,role\n1,target_new\n")
    with pytest.raises(CorrectionsFileError, match="has no column 'prompt_type'"):
        read_corrections(path, prompts_in(tmp_path, record(1)))
