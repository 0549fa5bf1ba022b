"""Reading facts: everything well formed comes in, every break of the schema is named."""

import json
import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memat.errors import ConfigError, FactError
from memat.text.facts import FACT_SCHEMA, read_facts, read_ids
from memat.text.reader import notices, read_format
from memat.text.two_record import read_two_record
from text_samples import COUNTERFACT_SHAPED, record, write_records, write_triples


def test_facts_keep_the_order_and_content_of_the_file(tmp_path):
    path = write_records(tmp_path, record(7), record(3, subject="Jimi Page"))
    facts, rejected = read_facts(path)
    assert facts.schema == pl.Schema(FACT_SCHEMA)
    assert facts["case_id"].to_list() == [7, 3]
    assert facts["subject"].to_list() == ["Toko Yasuda", "Jimi Page"]
    assert facts["split"].to_list() == ["report", "report"]
    assert facts["neighborhood_prompts"][0].to_list() == record()["neighborhood_prompts"]
    assert rejected.is_empty()


def _change(*keys, value):
    def change(item):
        place = item
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        return item

    return change


REWRITE = "requested_rewrite"
BREAKS = [
    ((REWRITE, "prompt"), "plays the", "requested_rewrite.prompt", "exactly one '{}', found 0"),
    ((REWRITE, "prompt"), "{} and {}", "requested_rewrite.prompt", "found 2"),
    ((REWRITE, "prompt"), 5, "requested_rewrite.prompt", "found a number"),
    ((REWRITE, "subject"), " ", "requested_rewrite.subject", "must not be empty"),
    ((REWRITE, "subject"), "a\ud800", "requested_rewrite.subject", "half of a character"),
    ((REWRITE, "subject"), "a{}b", "requested_rewrite.subject", "must not hold '{}'"),
    ((REWRITE, "target_new"), "piano", "requested_rewrite.target_new", "must be an object"),
    ((REWRITE, "target_new", "str"), "", "target_new.str", "must not be empty"),
    ((REWRITE, "target_new", "str"), "guitar", "requested_rewrite", "are equal: 'guitar'"),
    ((REWRITE, "relation_id"), None, "relation_id", "found nothing"),
    ((REWRITE,), [], "requested_rewrite", "found a list"),
    (("paraphrase_prompts",), "one", "paraphrase_prompts", "must be a list"),
    (("neighborhood_prompts",), ["x", 3], "neighborhood_prompts[1]", "found a number"),
    (("case_id",), "4", "case_id", "whole number"),
    (("case_id",), True, "case_id", "whole number"),
    (("case_id",), 7, "case_id", "already used by record 1"),
]


@pytest.mark.parametrize(("keys", "value", "field", "problem"), BREAKS)
def test_a_broken_record_is_named_with_position_id_and_field(tmp_path, keys, value, field, problem):
    broken = _change(*keys, value=value)(record(8))
    path = write_records(tmp_path, record(7), broken)
    with pytest.raises(FactError) as caught:
        read_facts(path)
    message = str(caught.value)
    assert str(path) in message
    assert "record 2" in message
    assert field in message
    assert problem in message
    if keys != ("case_id",):
        assert "case_id 8" in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (json.dumps([record()]).encode()[:-20], "not complete JSON"),
        (json.dumps([record(new="é")], ensure_ascii=False).encode("latin-1"), "is not UTF-8"),
        (b'{"case_id": 1}', "must be a list of records, found an object"),
        (b"[]", "holds no record"),
        (b"[1]", "record: must be an object, found a number"),
        (b"", "not complete JSON"),
        (b'[{"case_id": ' + b"9" * 5000 + b"}]", "a number that is too long"),
    ],
)
def test_a_broken_file_is_refused_as_a_whole(tmp_path, content, problem):
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    with pytest.raises(FactError, match=r"facts\.json") as caught:
        read_format(path, "counterfact")
    assert problem in str(caught.value)


def test_a_missing_file_and_an_unknown_format_are_refused(tmp_path):
    with pytest.raises(FactError, match="cannot be read"):
        read_facts(tmp_path / "none.json")
    with pytest.raises(ConfigError, match=r"'xml' is unknown; allowed: .*counterfact.*triples"):
        read_facts(write_records(tmp_path, record()), "xml")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
PLACES = [
    (),
    ("case_id",),
    (REWRITE,),
    (REWRITE, "prompt"),
    (REWRITE, "subject"),
    (REWRITE, "target_true"),
    (REWRITE, "target_true", "str"),
    ("paraphrase_prompts",),
    ("neighborhood_prompts",),
]


@settings(max_examples=80, deadline=None)
@given(value=JSON_VALUES, place=st.sampled_from(PLACES))
def test_any_value_in_any_place_is_read_or_a_fact_error(tmp_path_factory, value, place):
    broken = _change(*place, value=value)(record(8)) if place else value
    path = tmp_path_factory.mktemp("fuzz") / "facts.json"
    path.write_text(json.dumps([record(7, relation="P1"), broken]), encoding="utf-8")
    problem = ""
    try:
        assert read_facts(path)[0].height == 2
    except FactError as error:
        problem = str(error)
    assert not problem or str(path) in problem


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60), cut=st.integers(0, 200))
def test_any_bytes_are_read_or_a_fact_error(tmp_path_factory, data, cut):
    path = tmp_path_factory.mktemp("bytes") / "facts.json"
    path.write_bytes(json.dumps([record()]).encode()[:cut] + data)
    with pytest.raises(FactError):
        read_format(path, "counterfact")


def test_a_paraphrase_without_its_subject_is_a_rejected_row(tmp_path):
    path = write_records(
        tmp_path, record(4, paraphrases=["She plays the", "Toko Yasuda loves the"])
    )
    facts, rejected = read_facts(path)
    assert facts.height == 1
    assert rejected.rows(named=True) == [
        {
            "case_id": 4,
            "stage": "read_facts",
            "language": None,
            "prompt_type": "paraphrase",
            "index": 0,
            "role": None,
            "reason": "subject_not_in_prompt",
            "detail": "She plays the",
        }
    ]


def test_tuning_and_keep_ids_split_and_purify(tmp_path):
    subjects = ("Jimi Page", "Pau Casals", "Toko Yasuda")
    path = write_records(tmp_path, *(record(i, subject=s) for i, s in enumerate(subjects, 1)))
    tuning, keep = tmp_path / "tuning.txt", tmp_path / "keep.json"
    tuning.write_text("# chosen by hand\n2\n")
    keep.write_text('["rome_1", 2]')
    facts, rejected = read_facts(path, keep_ids=keep, tuning_ids=tuning)
    assert dict(facts.select("case_id", "split").iter_rows()) == {1: "report", 2: "tuning"}
    assert rejected["case_id"].to_list() == [3]
    assert rejected["reason"].to_list() == ["not_in_keep_ids"]
    tuning.write_text("9\n")
    with pytest.raises(FactError, match="case id 9 is not in"):
        read_facts(path, tuning_ids=tuning)
    keep.write_text("[99]")
    with pytest.raises(FactError, match="none of its 1 ids"):
        read_facts(path, keep_ids=keep)
    tuning.write_text("1\ntwo\n")
    with pytest.raises(FactError, match="line 2: must be a case id, found 'two'"):
        read_ids(tuning)
    tuning.write_text("--5\n")
    with pytest.raises(FactError, match="line 1: must be a case id, found '--5'"):
        read_ids(tuning)
    tuning.write_bytes(b"\xef\xbb\xbf5\n")
    assert read_ids(tuning) == {5}


TEMPLATES = 'P36:\n  rewrite: "The capital of {} is"\n  paraphrases: ["{} is ruled from"]\n'
CAPITALS = [
    {"relation": "P36", "subject": "France", "target_true": "Paris", "target_new": "Rome"},
    {"relation": "P36", "subject": "Gaul", "target_true": "Paris", "target_new": "Bonn"},
    {"relation": "P36", "subject": "Italy", "target_true": "Rome", "target_new": "Paris"},
]


def test_triples_become_counterfact_rows(tmp_path):
    facts, rejected = read_facts(write_triples(tmp_path, CAPITALS, TEMPLATES), "triples")
    assert facts.schema == pl.Schema(FACT_SCHEMA)
    assert facts["prompt"].to_list() == ["The capital of {} is"] * 3
    assert facts["paraphrase_prompts"][0].to_list() == ["France is ruled from"]
    # a table of facts says nothing of what must stay as it is
    assert facts["neighborhood_prompts"].to_list() == [[], [], []]
    assert rejected.is_empty()


def neighbours_of(path, neighbours="given"):
    facts, _ = read_facts(path, "triples", own={"neighbours": neighbours})
    return facts["neighborhood_prompts"].to_list()


def test_neighbours_of_triples_are_given_by_row_or_template_or_asked_of_the_table(tmp_path):
    from_table = [["The capital of Gaul is"], ["The capital of France is"], []]
    assert neighbours_of(write_triples(tmp_path, CAPITALS, TEMPLATES), "from_table") == from_table
    listed = TEMPLATES + "  neighbours:\n    Paris: [gaul, Lutetia]\n    Rome: [Latium]\n"
    path = write_triples(tmp_path, CAPITALS, listed)
    # a fact's own subject, however it is written, is no neighbour of it
    assert neighbours_of(path) == [
        ["The capital of gaul is", "The capital of Lutetia is"],
        ["The capital of Lutetia is"],
        ["The capital of Latium is"],
    ]
    rows = [row | {"neighbours": "Etruria| Latium" if i == 2 else None} for i, row in
            enumerate(CAPITALS)]  # fmt: skip
    path = write_triples(tmp_path, rows, listed)
    assert neighbours_of(path)[2] == ["The capital of Etruria is", "The capital of Latium is"]
    assert len(neighbours_of(path, "from_table")[0]) == 3


def test_the_table_gives_a_fact_at_most_ten_neighbours(tmp_path):
    rows = [CAPITALS[0] | {"subject": f"Land {i}"} for i in range(15)]
    found = neighbours_of(write_triples(tmp_path, rows, TEMPLATES), "from_table")
    assert [len(prompts) for prompts in found] == [10] * 15
    assert "The capital of Land 3 is" not in found[3]


def test_empty_rows_below_a_table_are_no_facts(tmp_path):
    path = write_triples(tmp_path, CAPITALS, TEMPLATES)
    header = path.read_text().splitlines()[0]
    with open(path, "a") as file:
        file.write("\r\n,,,\n\n")
    assert read_facts(path, "triples")[0]["case_id"].to_list() == [1, 2, 3]
    path.write_text(f"{header}\n,,,\n")
    with pytest.raises(FactError, match="holds no record"):
        read_facts(path, "triples")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_as_a_spreadsheet_saves_it_is_read(tmp_path, separator):
    """Semicolons where the comma is the decimal sign; a byte order mark, ends of line of Windows."""
    path = write_triples(tmp_path, CAPITALS, TEMPLATES)
    expected, _ = read_facts(path, "triples")
    pl.DataFrame(CAPITALS).write_csv(
        path, separator=separator, include_bom=True, line_terminator="\r\n"
    )
    assert read_facts(path, "triples")[0].equals(expected)


def test_records_are_counted_from_one_and_alike_in_all_messages(tmp_path):
    """Of a table whose second row is empty and whose last contradicts the first."""
    rows = [CAPITALS[0], dict.fromkeys(CAPITALS[0]), CAPITALS[1], CAPITALS[0] | {"target_new": "X"}]
    path = write_triples(tmp_path, rows, TEMPLATES)
    with pytest.raises(FactError, match=r"record 1 \(case_id 1\) and record 3 \(case_id 3\)"):
        read_facts(path, "triples")
    rows[-1] = CAPITALS[2] | {"subject": "a{}b"}
    with pytest.raises(FactError, match=r"record 3 \(case_id 3\): subject"):
        read_facts(write_triples(tmp_path, rows, TEMPLATES), "triples")
    ids = tmp_path / "ids.json"
    ids.write_text('[4, "x"]')
    with pytest.raises(FactError, match="item 2: must be a case id"):
        read_ids(ids)


def test_what_no_fact_reads_is_named(tmp_path):
    rows = [row | {"neighbors": "Lutetia"} for row in CAPITALS]
    listed = TEMPLATES + "  neighbours:\n    Pariss: [Lutetia]\n    Rome: [Latium]\n"
    path = write_triples(tmp_path, rows, listed)
    column, target = notices(path, "triples")
    assert column.endswith("column 'neighbors' is not read; did you mean 'neighbours'?")
    assert "no fact has the true target 'Pariss'; did you mean 'Paris'?" in target
    assert list(notices(write_triples(tmp_path, CAPITALS, TEMPLATES), "triples")) == []


def test_a_field_of_a_record_that_is_misnamed_is_told(tmp_path):
    public = {"pararel_idx": 5, "attribute_prompts": [], "generation_prompts": ["x"]}
    path = write_records(tmp_path, record(1) | public, record(2) | {"neighbourhood_prompts": []})
    (notice,) = notices(path, "counterfact")
    assert "record 2: 'neighbourhood_prompts' is not read; did you mean 'neighborhood_pro" in notice


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("relation:subject:target_new\nP36:a:b\n", "tabs between them: .*found: relation:subject"),
        (
            "relation,subject,target_new\nP36,a,b\nP36,a, Jr.,b\n",
            "line 3 has 4 cells.* 3: .*quotes",
        ),
        ("relation,subject,subject,target_new\nP36,a,b,c\n", "has the column 'subject' twice"),
        ('relation,subject,target_new\nP36,"a,b\n', r"not a readable table[^\n]*$"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_to_who_wrote_it(tmp_path, content, problem):
    path = write_triples(tmp_path, CAPITALS, TEMPLATES)
    path.write_text(content)
    with pytest.raises(FactError, match=problem):
        read_facts(path, "triples")


@pytest.mark.parametrize(
    ("rows", "templates", "problem"),
    [
        ([CAPITALS[0] | {"relation": "P1"}], TEMPLATES, "'P1' has no entry"),
        ([CAPITALS[0] | {"target_new": "Paris"}], TEMPLATES, "equals target_true"),
        ([{"relation": "P36"}], TEMPLATES, "has no column 'subject'"),
        (CAPITALS, "P36:\n  rewrite: capital of\n", "exactly one '{}'"),
        (CAPITALS, "P36: {rewrite: '{} x', extra: 1}", "P36.extra: unknown"),
        (CAPITALS, "[1]", "must map each relation"),
        (CAPITALS, "2020-13-45: 1", "not readable YAML"),
        ([CAPITALS[0] | {"subject": "a{}b"}], TEMPLATES, "subject: must not hold '{}'"),
        ([CAPITALS[0] | {"neighbours": "Gaul||Rome"}], TEMPLATES, "neighbours[1]: must not be"),
        (
            CAPITALS,
            TEMPLATES + "  neighbours: [x]\n",
            "P36.neighbours[0]: a neighbour of every fact needs an answer",
        ),
        (
            CAPITALS,
            TEMPLATES + "  neighbours: {Paris: x}\n",
            "P36.neighbours.Paris: must be a list",
        ),
        ([CAPITALS[0] | {"case_id": True}], TEMPLATES, "must be a whole number"),
    ],
)
def test_broken_triples_are_fact_errors(tmp_path, rows, templates, problem):
    with pytest.raises(FactError) as caught:
        read_format(write_triples(tmp_path, rows, templates), "triples")
    assert problem in str(caught.value)


def two_record_entry():
    sides = {}
    for role, target, article in (("target_new", "piano", "el"), ("target_true", "arpa", "l'")):
        sides[f"eval_{role}"] = {
            "requested_rewrite": {
                "prompt": f"{{}} toca {article}",
                role: {"str": target},
                "subject": "Toko Yasuda",
            },
            "paraphrase_prompts": [f"Plou. Toko Yasuda domina {article}"],
            "neighborhood_prompts": [f"Pau Casals toca {article}"],
        }
    return {"case_id": 2, "relation_id": "P1303"} | sides


def test_the_two_record_form_gives_one_row_a_prompt_and_target(tmp_path):
    frame = read_two_record(write_records(tmp_path, two_record_entry()))
    assert frame.height == 6
    rewrites = {r["role"]: r for r in frame.filter(prompt_type="rewrite").iter_rows(named=True)}
    assert rewrites["target_new"]["prompt"] == "Toko Yasuda toca el"
    assert rewrites["target_new"]["joined"] is False
    assert rewrites["target_true"]["target"] == "arpa"
    assert rewrites["target_true"]["joined"] is True
    merged = record(2) | two_record_entry()
    del merged["relation_id"]
    assert read_two_record(write_records(tmp_path, merged)).equals(frame)
    assert read_facts(write_records(tmp_path, merged))[0].height == 1
    broken = two_record_entry()
    del broken["eval_target_true"]["requested_rewrite"]["target_true"]
    with pytest.raises(FactError, match=r"eval_target_true\.requested_rewrite\.target_true"):
        read_two_record(write_records(tmp_path, broken))


def test_a_file_as_large_as_counterfact_is_checked_in_seconds(tmp_path):
    path = tmp_path / "large.json"
    path.write_text(json.dumps([record(i) for i in range(21_919)]), encoding="utf-8")
    start = time.process_time()
    assert len(read_format(path, "counterfact")[0]) == 21_919
    assert time.process_time() - start < 3


def test_records_in_counterfacts_shape_are_read():
    facts, rejected = read_facts(COUNTERFACT_SHAPED)
    assert facts["case_id"].to_list() == [3, 7, 12, 15, 21, 28, 34, 40]
    assert rejected.is_empty()
    assert facts["paraphrase_prompts"].list.len().to_list() == [2] * 8
