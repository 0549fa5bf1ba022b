"""Headlines, the note on chance, the table of facts, and the pages that hold them."""

import json
import math
import re
from html.parser import HTMLParser

import polars as pl
import pytest

from memat.evaluate.pairing import rows_to_score
from memat.html_page import data_element
from memat.report.chance import chance_notes
from memat.report.fact_page import fact_page
from memat.report.fact_table import fact_table, with_models
from memat.report.headlines import headlines, trained_languages
from memat.report.index_page import flat, index_page, model_rows
from memat.report.prompt_table import asked_prompts, prompt_table
from memat.report.tables import DIFFERENCES_SCHEMA, SUMMARY_SCHEMA
from memat.text.funnel import FUNNEL_SCHEMA
from memat.text.prompts import BILINGUAL_SCHEMA
from memat.text.rejections import Rejection, rejected_table
from score_tables import FAMILIES

NAMES = {"en": "English", "ca": "Catalan"}
EVIL = '<script>alert("x")</script> & = "quoted"'


def summary_of(*rows, n_facts=100):
    """(experiment, method, edit language, combine, heads' language, heads, language, metric, value, half)."""
    return pl.DataFrame(
        [
            dict(zip(SUMMARY_SCHEMA, (*place, n_facts, language, metric, value), strict=False))
            | {"low": None if half is None else value - half}
            | {"high": None if half is None else value + half}
            for *place, language, metric, value, half in rows
        ],
        schema=SUMMARY_SCHEMA,
    )


def unedited(language="ca", **metrics):
    """Rows of the unedited model; metrics: (value, half the width of its interval)."""
    plain = ("unedited", "unedited", None, None, None, 0)
    return [(*plain, language, metric, *numbers) for metric, numbers in metrics.items()]


CHANCE = dict(ES=(46.0, 10.0), PS=(43.5, 8.5), NS=(53.6, 8.2), NA=(0.0, 0.0))


def test_an_unedited_model_at_chance_is_said_so_of_that_language_only():
    knows = unedited("en", ES=(22.0, 8.0), PS=(18.5, 6.5), NS=(78.4, 6.1), NA=(14.6, 4.5))
    assert chance_notes(summary_of(*knows, *unedited(**CHANCE)), FAMILIES, NAMES) == [
        "The unedited model is at chance in Catalan on 100 facts (ES 46.0, interval [36.0, 56.0]; "
        "accuracy on known facts 0.0): figures of this language say little about knowledge."
    ]


@pytest.mark.parametrize(
    ("n_facts", "changed", "told"),
    [
        (3, {"ES": (50.0, 50.0)}, "on 3 facts (ES 50.0, interval [0.0, 100.0]; accuracy on"),
        (40, {"PS": (48.0, 15.1)}, "on 40 facts (PS 48.0, interval [32.9, 63.1]; accuracy on"),
        (1, dict.fromkeys(("ES", "PS", "NS"), (50.0, 0.0)), "on 1 fact (ES 50.0, interval [50.0"),
        (19, {}, "on 19 facts (ES 46.0, interval [36.0, 56.0]; accuracy on known facts 0.0)"),
    ],
)
def test_few_facts_leave_open_what_a_model_knows(n_facts, changed, told):
    summary = summary_of(*unedited(**CHANCE | changed), n_facts=n_facts)
    (note,) = chance_notes(summary, FAMILIES, NAMES)
    assert note.startswith(f"The unedited model cannot be told from chance in Catalan {told}")
    assert note.endswith(": it takes more facts to say whether it knows this language.")
    assert "at chance" not in note


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"NS": (60.0, 8.2)}, False),
        ({"ES": (22.0, 8.0)}, False),
        ({"NA": (5.0, 4.0)}, False),
        ({"NA": (1.0, 1.0)}, True),
        ({"NS": (None, None), "NA": (None, None)}, True),
        ({"ES": (None, None), "PS": (None, None), "NS": (None, None)}, False),
        ({"NS": (50.0, 0.0)}, True),
    ],
)
def test_chance_needs_every_measured_metric(changed, told):
    rows = unedited(**CHANCE | changed)
    assert bool(chance_notes(summary_of(*rows), FAMILIES, {})) == told


def test_nothing_is_said_of_chance_without_an_unedited_experiment():
    rows = [("memit", "memit", "ca", None, None, 0, *row[6:]) for row in unedited(**CHANCE)]
    assert chance_notes(summary_of(*rows), FAMILIES, NAMES) == []
    unknown = summary_of(*unedited("xx", **CHANCE))
    assert "at chance in xx on 100 facts (" in chance_notes(unknown, FAMILIES, NAMES)[0]
    assert chance_notes(unknown, ["magnitude"], NAMES) == []


SUMMARY = summary_of(
    *unedited("en", ES=(22.0, 8.0), PS=(18.5, 6.5), NS=(78.4, 6.1)),
    *unedited("ca", ES=(46.0, 10.0)),
    *(
        ("memit_en", "memit", "en", None, None, 0, "en", m, v, 1.0)
        for m, v in (("ES", 99.0), ("PS", 86.0))
    ),
    ("memit_en", "memit", "en", None, None, 0, "ca", "ES", 49.0, 10.0),
    ("both", "memit", "en+ca", "sum", None, 0, "en", "ES", 90.0, 1.0),
    ("memat", "memat-random", "en", None, "ca", 16, "en", "ES", 99.0, 1.0),
)
DIFFERENCES = pl.DataFrame(
    [
        ("memit_en", "unedited", "en", "NS", 10, -4.2, -7.2, -1.2),
        ("memit_en", "unedited", "ca", "NS", 10, -2.2, -5.6, 1.4),
        ("memit_en", "unedited", "ca", "ES", 10, 3.0, -4.0, 10.0),
        ("both", "unedited", "en", "NS", 10, None, None, None),
        ("memat", "unedited", "en", "EM", 10, 20.0, 18.0, 22.0),
        ("memat", "memit_en", "en", "EM", 10, 10.1, 8.1, 12.4),
        ("memat", "memit_en", "en", "NM", 10, None, None, None),
    ],
    schema=DIFFERENCES_SCHEMA,
    orient="row",
)


def test_headlines_say_what_was_learnt_lost_and_crossed():
    told = headlines(SUMMARY, DIFFERENCES, NAMES)
    assert list(told) == ["memit_en", "both", "memat"]
    assert told["memit_en"] == [
        "Edited in English.",
        "Asked in English, the new target is ahead on 99.0% [98.0, 100.0] of the edited prompts "
        "(22.0% before) and on 86.0% [85.0, 87.0] of the paraphrases (18.5% before).",
        "Neighbouring facts in English lose 4.2 points of success [1.2, 7.2].",
        "Neighbouring facts in Catalan show no clear change of success: -2.2 points [-5.6, 1.4].",
        "Asked in Catalan, where nothing was edited, it is ahead on 49.0% [39.0, 59.0] of the edited "
        "prompts (+3.0 points [-4.0, 10.0] over the unedited model: nothing clear crossed).",
    ]
    assert told["both"][0] == "Edited in English and Catalan."
    assert told["memat"] == [
        "Edited in English, 16 heads drawn by chance corrected in Catalan.",
        "Asked in English, against memit_en: efficacy magnitude +10.1 points [8.1, 12.4].",
    ]


def test_headlines_compare_on_the_facts_that_an_edit_holds():
    row = ("both", "memit", "en+ca", "joint", None, 0)
    summary = pl.concat(
        [
            summary_of(*unedited("ca", ES=(15.8, 2.0)), n_facts=19),
            summary_of((*row, "ca", "ES", 94.4, 2.0), n_facts=18),
        ]
    )
    change = ("both", "unedited", "ca", "ES", 18, 77.7, 70.0, 80.0)
    differences = pl.DataFrame([change], schema=DIFFERENCES_SCHEMA, orient="row")
    (_, told, *_) = headlines(summary, differences, NAMES)["both"]
    assert "94.4% [92.4, 96.4] of the edited prompts (16.7% before)" in told
    (_, told, *_) = headlines(summary, differences.clear(), NAMES)["both"]
    assert "before" not in told


def test_headlines_say_what_the_model_writes_by_itself():
    plain = ("memit_en", "memit", "en", None, None, 0)
    written = summary_of(
        *unedited("en", GA=(1.0, 1.0)),
        *((*plain, "en", metric, value, 2.0) for metric, value in (("GA", 90.0), ("GP", 40.0))),
        (*plain, "ca", "GA", 5.0, None),
    )
    told = headlines(written, DIFFERENCES.clear(), NAMES)
    assert told["memit_en"][1:] == [
        "Writing freely in English, the model names the new target after 90.0% [88.0, 92.0] of the "
        "edited prompts (1.0% before) and after 40.0% [38.0, 42.0] of the paraphrases.",
        "Writing freely in Catalan, the model names the new target after 5.0% of the edited prompts.",
    ]


def test_headlines_do_without_baselines_and_with_any_languages():
    told = headlines(
        SUMMARY.filter(pl.col("experiment") == "memit_en"), DIFFERENCES.clear(), {"ca": "C"}
    )
    assert [text[:20] for text in told["memit_en"]] == [
        *("Edited in en.", "Asked in en, the new", "Asked in C, where no")
    ]
    assert headlines(SUMMARY.filter(method="unedited"), DIFFERENCES.clear(), {}) == {}
    assert trained_languages("en+es", ["en", "ca", "es"]) == ["en", "es"]
    assert trained_languages("joint", ["en", "ca", "es"]) == ["en", "ca", "es"]


def source_fact(case_id, **changes):
    return {
        "case_id": case_id,
        "relation_id": "P1",
        "subject": f"S{case_id}",
        "prompt": "{} plays the",
        "target_new": "piano",
        "target_true": "guitar",
    } | changes


def bilingual_rows(case_id):
    for language, prompt, targets in (
        ("en", "plays the", ("piano", "guitar")),
        ("ca", "toca", ("el piano", "la guitarra")),
    ):
        for role, target in zip(("target_new", "target_true"), targets, strict=True):
            row = {"case_id": case_id, "language": language, "role": role, "prompt_type": "rewrite"}
            yield dict.fromkeys(BILINGUAL_SCHEMA) | row | {
                "subject": f"S{case_id}", "prompt": f"S{case_id} {prompt}", "target": target,
            }  # fmt: skip


@pytest.fixture
def facts():
    """Fact 1 is scored, 2 lost, 3 a donor, 4 in no set."""
    source = [source_fact(n) for n in (4, 3, 2, 1)]
    bilingual = pl.DataFrame(
        [row for n in (1, 3, 4) for row in bilingual_rows(n)], schema=BILINGUAL_SCHEMA
    )
    blocks = pl.DataFrame({"case_id": [1, 3], "block": ["0", "donor"]})
    rejected = rejected_table(
        [
            Rejection(2, "repair_structure", "record", "target_not_final"),
            Rejection(1, "repair_structure", "paraphrase", "target_not_final", 0, "target_new"),
        ]
    )
    return fact_table(source, bilingual, blocks, rejected, ["en", "ca"])


def test_every_fact_of_the_source_is_a_row_in_each_language(facts):
    assert facts.select("case_id", "language", "status").rows() == [
        *((1, "en", "scored"), (1, "ca", "scored"), (2, "en", "lost"), (2, "ca", "lost")),
        *((4, "en", "not used"), (4, "ca", "not used"), (3, "en", "donor"), (3, "ca", "donor")),
    ]
    lost, translated = (
        facts.filter(case_id=2, language="en"),
        facts.filter(case_id=2, language="ca"),
    )
    asked = ("prompt", "wanted", "true")
    assert lost.select(asked).row(0) == ("S2 plays the", "piano", "guitar")
    assert translated.select(asked).row(0) == (None, None, None)
    assert lost["why"][0].startswith("target_not_final: The target does not end")
    assert facts.filter(case_id=1, language="ca").select(asked).row(0) == (
        *("S1 toca", "el piano"),
        "la guitarra",
    )


def test_models_stand_beside_the_facts_they_were_asked(facts):
    scores = pl.DataFrame(
        [
            (1, "en", "target_new", "rewrite", 2.0, 2),
            (1, "en", "target_true", "rewrite", 1.0, 1),
            (1, "en", "target_new", "paraphrase", 9.0, 1),
        ],
        schema=["case_id", "language", "role", "prompt_type", "nll", "n_tokens"],
        orient="row",
    )
    answers = pl.DataFrame(
        [(1, "en", "rewrite", "piano."), (1, "en", "paraphrase", "flute.")],
        schema=["case_id", "language", "prompt_type", "answer"],
        orient="row",
    )
    for probability, wanted in (("geometric", 0.3679), ("joint", 0.1353)):
        both = with_models(facts, ["one"], [scores], [answers], probability)
        assert both.height == facts.height
        found = both.row(0, named=True)
        assert found["one says"] == "piano."
        assert found["one P(wanted)"] == pytest.approx(wanted, abs=1e-4)
        assert found["one P(true)"] == pytest.approx(0.3679, abs=1e-4)
        assert both[1:]["one P(wanted)"].null_count() == facts.height - 1


class Checked(HTMLParser):
    """Tags that are open, and every text, of a page."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.scripts, self.links = [], [], 0, []

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read_page(text):
    found = Checked()
    found.feed(text)
    assert found.open == []
    assert not [link for link in found.links if re.match(r"[a-z]+:|//|/", link)]
    return found


PROMPTS = {"rewrite": (0,), "neighborhood": (0, 1)}


def asked_rows():
    """Facts 1 and 3 in English and Catalan: the edited prompt and two neighbours of each."""
    rows = []
    for case_id in (1, 3):
        for row in bilingual_rows(case_id):
            for kind, indexes in PROMPTS.items():
                for index in indexes:
                    # in Catalan the prompt agrees with its target
                    gender = row["target"].split()[0] if row["language"] == "ca" else ""
                    words = f"{row['prompt']} {kind} {index} {gender}".strip()
                    rows.append(row | {"prompt_type": kind, "index": index, "prompt": words})
    return pl.DataFrame(rows, schema=BILINGUAL_SCHEMA)


def scored_and_answered(rows, pairing="by_prompt"):
    """Scores in which each target's nll tells row and role; answers that repeat their prompt."""
    keys = ("case_id", "language", "role", "prompt_type", "index")
    paired = rows_to_score(rows.filter(case_id=1), ["ca"], pairing)
    scores = paired.select(
        *keys,
        block=pl.lit("0"),
        nll=pl.col("prompt").str.len_chars() + 0.5 * pl.col("target").str.len_chars(),
        n_tokens=pl.lit(2),
        is_greedy=pl.lit(False),
    )
    wanted = {"rewrite": "target_new", "neighborhood": "target_true"}
    asked = rows.filter(pl.col("case_id") == 1, pl.col("index") == 0).filter(
        pl.col("role") == pl.col("prompt_type").replace_strict(wanted)
    )
    answers = asked.select(
        "case_id", "language", "prompt_type", "index", answer="after " + pl.col("prompt")
    )
    return scores, answers


@pytest.mark.parametrize("pairing", ["by_prompt", "concatenated"])
@pytest.mark.parametrize(("probability", "per"), [("geometric", 2), ("joint", 1)])
def test_every_prompt_stands_beside_what_a_model_gives_for_it(facts, probability, per, pairing):
    bilingual = asked_rows()
    tables = scored_and_answered(bilingual, pairing)
    asked = asked_prompts(bilingual, "one", *tables, probability, pairing, ["ca"])
    rows = prompt_table(facts, [asked, asked.with_columns(model=pl.lit("two"))], ["en", "ca"])
    said = rows.drop_nulls("model")
    assert said.select("language", "prompt_type", "index", "model").rows()[:7] == [
        ("en", "rewrite", 0, "one"),
        ("en", "rewrite", 0, "two"),
        *(("en", "neighborhood", n, model) for n in (0, 1) for model in ("one", "two")),
        ("ca", "rewrite", 0, "one"),
    ]
    for row in said.rows(named=True):
        new_is_wanted = row["prompt_type"] == "rewrite"
        assert ("piano" in row["wanted"], "guitar" in row["other"]) == (new_is_wanted,) * 2
        nll = len(row["prompt"]) + 0.5 * len(row["wanted"])
        assert row["P(wanted)"] == pytest.approx(math.exp(-nll / per))
        if row["says"]:
            assert row["says"] == f"after {row['prompt']}"
    if pairing == "by_prompt":
        assert said["says"].null_count() == said.filter(index=1).height
        catalan = said.filter(language="ca", prompt_type="neighborhood", index=1, model="one")
        assert catalan["prompt"].item() == "S1 toca neighborhood 1 la"
        assert catalan["translations"].item() == "en: S1 plays the neighborhood 1 | guitar"
        # the other target is read after the prompt of its own record
        nll = len("S1 toca neighborhood 1 el") + 0.5 * len("el piano")
        assert catalan["P(other)"].item() == pytest.approx(math.exp(-nll / per))


def test_a_fact_that_no_model_was_asked_has_one_row_with_the_reason(facts):
    bilingual = asked_rows()
    asked = asked_prompts(
        bilingual, "one", *scored_and_answered(bilingual), "joint", "by_prompt", ["ca"]
    )
    rows = prompt_table(facts, [asked], ["en", "ca"]).filter(pl.col("case_id") != 1)
    assert rows.select("case_id", "language", "status").rows() == (
        facts.filter(pl.col("case_id") != 1).select("case_id", "language", "status").rows()
    )
    assert rows["model"].null_count() == rows.height
    lost = rows.filter(case_id=2, language="ca").row(0, named=True)
    assert lost["translations"] == "en: S2 plays the | piano"
    assert lost["why"].startswith("target_not_final")


def test_texts_of_facts_are_data_of_the_page(facts):
    evil = facts.with_columns(subject=pl.lit(EVIL), prompt=pl.lit(EVIL))
    bilingual = asked_rows()
    asked = asked_prompts(
        bilingual, EVIL, *scored_and_answered(bilingual), "joint", "by_prompt", ["ca"]
    )
    text = fact_page(prompt_table(evil, [asked], ["en", "ca"]))
    found = read_page(text)
    assert found.scripts == 2
    assert "alert" not in " ".join(t for t in found.texts if not t.startswith("{"))
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    prompts = [data["texts"][n] for n in data["columns"][3]]
    assert prompts.count(EVIL) == evil.filter(pl.col("case_id") != 1).height
    assert {len(column) for column in data["columns"]} == {len(prompts)}


@pytest.mark.parametrize("text", ["</script>", "<!-- <script>", "]]>", "\"'&\u2028"])
def test_no_text_ends_the_element_that_holds_the_data(text):
    element = data_element("data", {"text": text})
    (content,) = re.findall(r"^<script [^>]*>(.*)</script>$", element, re.DOTALL)
    assert "<" not in content
    assert json.loads(content) == {"text": text}


def test_the_first_page_holds_table_sentences_model_and_settings():
    funnel = pl.DataFrame(
        [
            ("given", None, 25, 0, "{}", 0, "{}", None, None, None),
            ("translated", "ca", 20, 5, '{"target_not_final": 5}', 0, "{}", None, None, None),
            ("used", None, 20, 0, "{}", 12, '{"neighbour_is_edited": 12}', 28, 0, None),
        ],
        schema=FUNNEL_SCHEMA,
        orient="row",
    )
    manifest = {"source": {"kind": "hub", "repo": "a/b", "revision": "12", "license": EVIL}}
    manifest["model_type"] = "llama"
    settings = {"facts": {"path": EVIL, "url": None}, "edit": {"layers": [1, 2]}}
    told, notes = headlines(SUMMARY, DIFFERENCES, NAMES), ["A note."]
    text = index_page(SUMMARY, told, notes, FAMILIES, 0.95, funnel, manifest, settings)
    found = read_page(text)
    words = " ".join(found.texts)
    for expected in (
        "99.0",
        "memit_en",
        "A note.",
        "a/b",
        "12",
        EVIL,
        "5 target_not_final",
        "[1, 2]",
    ):
        assert expected in words
    assert found.scripts == 1
    assert "<strong>99.0</strong> (1.0)" in text
    steps = re.search(r"neighbour prompts left.*?</table>", text, re.DOTALL)[0].split("<tr>")
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in steps]
    assert cells[2][1:] == ["20", "5", "5 target_not_final", "0", "", ""]
    assert cells[3][1:] == ["20", "0", "", "12", "12 neighbour_is_edited", "28"]
    assert "facts.csv" in found.links


def test_a_model_without_a_license_is_said_to_have_none_given():
    rows = dict(model_rows({"source": {"kind": "local", "path": "/x"}, "model_type": "opt"}))
    assert rows == {
        "license": "not given in the model&#x27;s file",
        "kind": "local",
        "path": "/x",
        "type": "opt",
    }


def test_settings_are_flat():
    nested = {"a": {"b": 1, "c": [1, 2]}, "rows": [{"name": "x", "method": "memit", "k": 3}]}
    assert list(flat(nested)) == [
        ("a.b", "1"),
        ("a.c", "[1, 2]"),
        ("rows.x", "method: memit, k: 3"),
    ]
