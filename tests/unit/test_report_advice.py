"""Should I ship this edit? Verdicts follow intervals and stated bounds; the page says both."""

import re

import polars as pl
import pytest
from test_report_pages import Checked, summary_of
from test_report_scripts import stage

import advise as advise_script
from memat import io
from memat.report.advice import (
    COST,
    LEARNT,
    TASKS_SCHEMA,
    Interval,
    advise,
    all_of,
    at_least,
    at_most,
    gained,
    general_tasks,
)
from memat.report.advice_page import NO_EDIT, TITLE, _points, advice_page
from memat.report.damage import DAMAGE_SCHEMA
from memat.report.document import Picture, as_html, as_markdown
from memat.report.tables import DIFFERENCES_SCHEMA
from memat.study.sections_run import Ship

BOUNDS = Ship().model_dump()
NAMES = {"en": "English", "ca": "Catalan"}
FAMILIES = ["success", "accuracy", "generation"]
UNEDITED = ("unedited", "unedited", None, None, None, 0)
TOLD = ("told", "in_context", "en", None, None, 0)
EDIT = ("edit", "memit", "en", None, None, 0)


def values(row, language, **metrics):
    """Rows of a summary; metrics: (value, half the width of its interval)."""
    return [(*row, language, metric, *numbers) for metric, numbers in metrics.items()]


def changes_of(*rows, n_facts=100):
    """(experiment, baseline, language, metric, difference, half the width of its interval)."""
    return pl.DataFrame(
        [(*row, n_facts, change, change - half, change + half) for *row, change, half in rows],
        schema=DIFFERENCES_SCHEMA,
        orient="row",
    )


def text_of(*rows, n=18):
    """(experiment, language, measure, value, half the width of its interval)."""
    return pl.DataFrame(
        [(*row, value, value - half, value + half, n, 999) for *row, value, half in rows],
        schema=DAMAGE_SCHEMA,
        orient="row",
    )


NO_TEXT, NO_TASKS = pl.DataFrame(schema=DAMAGE_SCHEMA), pl.DataFrame(schema=TASKS_SCHEMA)
SUMMARY = summary_of(
    *values(UNEDITED, "en", GA=(1.0, 1.0), GP=(0.5, 0.5), NS=(78.0, 6.0), GN=(14.0, 4.0)),
    *values(UNEDITED, "ca", GA=(0.0, 0.0), NS=(54.0, 8.0)),
    *values(TOLD, "en", GA=(90.0, 3.0), NS=(60.0, 5.0)),
    *values(EDIT, "en", GA=(95.0, 3.0), GP=(60.0, 5.0), NS=(77.0, 6.0), GN=(13.5, 4.0)),
    *values(EDIT, "ca", GA=(4.0, 3.0), NS=(54.0, 8.0)),
)
CHANGES = changes_of(
    ("told", "unedited", "en", "GA", 89.0, 3.0),
    ("edit", "unedited", "en", "GA", 94.0, 3.0),
    ("edit", "unedited", "en", "GP", 59.5, 5.0),
    ("edit", "unedited", "en", "NS", -1.0, 2.0),
    ("edit", "unedited", "en", "GN", -0.5, 1.5),
    ("edit", "unedited", "ca", "GA", 4.0, 3.0),
    ("edit", "unedited", "ca", "NS", -9.0, 3.0),
    ("edit", "told", "en", "GA", 5.0, 4.0),
    ("edit", "told", "en", "GP", 0.0, 4.0),
    ("edit", "told", "en", "NS", -8.0, 4.0),
)
TEXT = text_of(("edit", "en", "perplexity_ratio", 1.01, 0.005), ("edit", "en", "kl", 0.02, 0.005))


def advice_of(language="en", summary=SUMMARY, changes=CHANGES, text=TEXT, tasks=NO_TASKS, **bounds):
    found = advise(summary, changes, text, tasks, BOUNDS | bounds)
    return next(a for a in found if (a.experiment, a.language) == ("edit", language))


def held(findings):
    return {finding.name: finding.holds for finding in findings}


@pytest.mark.parametrize(
    ("low", "high", "n", "reached", "kept"),
    [
        (80.0, 90.0, 100, True, None),
        (81.0, 90.0, 100, True, False),
        (79.9, 99.0, 100, None, None),
        (10.0, 79.9, 100, False, True),
        (10.0, 80.0, 100, None, True),
        (81.0, 90.0, 19, None, None),
        (None, None, 100, None, None),
    ],
)
def test_a_bound_is_kept_or_missed_by_a_whole_interval(low, high, n, reached, kept):
    interval = Interval(85.0, low, high, n)
    assert at_least(interval, 80.0, 20) is reached
    assert at_most(interval, 80.0, 20) is kept


@pytest.mark.parametrize(
    ("n", "reached", "ahead"), [(20, True, True), (14, None, True), (2, None, None)]
)
def test_facts_that_all_do_the_same_say_no_more_than_their_number(n, reached, ahead):
    """All of n facts are right: at least 1 − 3/n of all facts are, with 95%."""
    everywhere = Interval(100.0, 100.0, 100.0, n)
    assert at_least(everywhere, 80.0, 1) is reached
    assert gained(everywhere, 1) is ahead


@pytest.mark.parametrize(
    ("low", "high", "ahead"),
    [(0.1, 5.0, True), (0.0, 5.0, None), (-5.0, 0.0, None), (-5.0, -0.1, False)],
)
def test_a_gain_lies_above_zero(low, high, ahead):
    assert gained(Interval(0.0, low, high, 100), 20) is ahead
    assert gained(None, 20) is None


def test_a_part_that_is_missed_decides_and_one_that_is_open_leaves_open():
    assert all_of([True, True]) is True
    assert all_of([True, None]) is None
    assert all_of([None, False, True]) is False


def test_an_edit_is_judged_in_every_language():
    english, catalan = advice_of("en"), advice_of("ca")
    assert held(english.learnt) == {"GA": True, "GP": True}
    assert held(english.cost) == {"NS": True, "GN": True, "perplexity_ratio": True, "kl": True}
    assert (english.verdict(LEARNT), english.verdict(COST)) == ("learnt", "within the bound")
    assert held(catalan.learnt) == {"GA": False}
    assert held(catalan.cost) == {"NS": False}
    assert (catalan.verdict(LEARNT), catalan.verdict(COST)) == ("no", "above the bound")
    assert english.trained == catalan.trained == ("en",)
    rows = advise(SUMMARY, CHANGES, TEXT, NO_TASKS, BOUNDS)
    assert [(a.experiment, a.language) for a in rows] == [("edit", "en"), ("edit", "ca")]


@pytest.mark.parametrize(
    ("bound", "value", "side", "word"),
    [
        ("edited", 93.0, LEARNT, "undecided"),
        ("edited", 98.5, LEARNT, "no"),
        ("paraphrases", 60.0, LEARNT, "undecided"),
        ("neighbours_lost", 2.0, COST, "undecided"),
        ("perplexity_ratio", 1.01, COST, "undecided"),
        ("perplexity_ratio", 1.001, COST, "above the bound"),
        ("kl", 0.02, COST, "undecided"),
        ("kl", 0.01, COST, "above the bound"),
        ("facts", 101, LEARNT, "undecided"),
        ("facts", 101, COST, "undecided"),
        ("paragraphs", 19, COST, "undecided"),
    ],
)
def test_every_bound_of_the_config_decides(bound, value, side, word):
    assert advice_of(**{bound: value}).verdict(side) == word


def test_a_gain_of_a_neighbour_is_no_loss():
    gain = CHANGES.with_columns(
        *(
            pl.when(metric="NS").then(pl.col(end) + 20).otherwise(end)
            for end in ("difference", "low", "high")
        )
    )
    assert held(advice_of("ca", changes=gain).cost) == {"NS": True}


def test_what_the_unedited_model_says_as_often_is_not_learnt():
    same = CHANGES.with_columns(
        difference=pl.when(metric="GA").then(0.5).otherwise("difference"),
        low=pl.when(metric="GA").then(-1.0).otherwise("low"),
    )
    assert held(advice_of(changes=same).learnt) == {"GA": None, "GP": True}
    alone = SUMMARY.filter(pl.col("method") != "unedited")
    against = CHANGES.filter(pl.col("baseline") != "unedited")
    assert advice_of(summary=alone, changes=against).verdict(LEARNT) == "undecided"
    assert advice_of(summary=alone, changes=against).neighbours == ()


def test_few_facts_with_wide_intervals_show_nothing():
    few = summary_of(
        *values(UNEDITED, "en", GA=(0.0, 0.0), NS=(80.0, 20.0)),
        *values(EDIT, "en", GA=(75.0, 25.0), NS=(70.0, 30.0)),
        n_facts=25,
    )
    changes = changes_of(
        ("edit", "unedited", "en", "GA", 75.0, 25.0),
        ("edit", "unedited", "en", "NS", -10.0, 20.0),
        n_facts=25,
    )
    found = advice_of(summary=few, changes=changes, text=NO_TEXT)
    assert (found.verdict(LEARNT), found.verdict(COST)) == ("undecided", "undecided")


def test_first_choices_stand_in_where_no_answers_were_written():
    summary = SUMMARY.with_columns(pl.col("metric").replace({"GA": "EA", "GP": "PA", "GN": "NA"}))
    changes = CHANGES.with_columns(pl.col("metric").replace({"GA": "EA", "GP": "PA", "GN": "NA"}))
    found = advice_of(summary=summary, changes=changes)
    assert {f.name: f.stands_for for f in (*found.learnt, *found.neighbours)} == {
        "EA": "GA", "PA": "GP", "NS": None, "NA": "GN",
    }  # fmt: skip
    assert found.verdict(LEARNT) == "learnt"
    text = as_markdown(TITLE, advice_page([found], FAMILIES, BOUNDS, 0.95, NAMES, "m"))
    assert "among summary.metrics: EA for GA, PA for GP and NA for GN stands in" in text
    assert "first choices, nothing written freely, are the new answer after 95.0% [" in text
    assert "Writing freely, the" not in text
    assert "| EA (for GA) | 100 facts | 95.0% [92.0, 98.0] | 1.0% | +94.0 [+91.0, +97.0] |" in text


def test_what_was_not_measured_is_said_and_not_judged():
    only = SUMMARY.filter(metric="NS")
    found = advice_of("ca", summary=only, text=NO_TEXT)
    assert found.verdict(LEARNT) == "not measured"
    nothing = advice_of(summary=only, changes=CHANGES.clear(), text=NO_TEXT)
    assert nothing.verdict(COST) == "not measured"
    text = as_markdown(TITLE, advice_page([nothing], FAMILIES, BOUNDS, 0.95, {}, "m"))
    assert (
        "Not measured: the new answers, neighbours, unrelated text in en and general tasks" in text
    )
    assert "perplexity_ratio" not in text


def test_the_facts_in_the_prompt_are_what_an_edit_is_compared_with():
    against = {c.name: (c.baseline, c.ahead) for c in advice_of().against}
    assert against == {"GA": ("told", True), "GP": ("told", None), "NS": ("told", False)}
    assert advice_of("ca").against == ()


def tasks_of(*rows):
    """(experiment, task, language, metric, questions, value, difference, low, high), as shares."""
    return general_tasks(pl.DataFrame(rows, schema=TASKS_SCHEMA, orient="row"))


def test_general_tasks_count_for_their_language_or_for_all():
    tasks = tasks_of(
        ("edit", "quiz", None, "acc", 90, 0.595, -0.005, -0.015, 0.005),
        ("edit", "quiz_ca", "ca", "acc", 90, 0.5, -0.08, -0.12, -0.04),
        ("edit", "quiz", None, "word_perplexity", None, 20.0, 3.0, None, None),
        ("other", "quiz", None, "acc", 90, 0.01, -0.59, -0.6, -0.58),
    )
    assert held(advice_of(tasks=tasks).general) == {"quiz acc": True}
    assert held(advice_of("ca", tasks=tasks).general) == {"quiz acc": True, "quiz_ca acc": False}
    assert held(advice_of(tasks=tasks, general_lost=1.0).general) == {"quiz acc": None}
    found = advice_of(tasks=tasks)
    text = as_markdown(TITLE, advice_page([found], FAMILIES, BOUNDS, 0.95, NAMES, "m"))
    assert "General tasks changed: quiz acc by -0.5 points [-1.5, +0.5]." in text
    assert (
        "| English | quiz acc | 90 questions | 59.5% |  | -0.5 [-1.5, +0.5] | change ≥ -2 |" in text
    )


def test_what_stands_before_an_edit_is_of_the_facts_that_the_edit_holds():
    """An edit in several languages holds fewer facts than the unedited model is asked."""
    summary = pl.concat(
        [
            summary_of(*values(UNEDITED, "ca", NS=(55.6, 20.0)), n_facts=9),
            summary_of(*values(EDIT, "ca", NS=(62.5, 20.0)), n_facts=8),
        ]
    )
    changes = changes_of(("edit", "unedited", "ca", "NS", 0.0, 0.0), n_facts=8)
    text = shown_of(NO_TEXT, "ca", summary=summary, changes=changes)
    assert "| Catalan | NS | 8 facts | 62.5% [42.5, 82.5] | 62.5% | +0.0 [+0.0, +0.0] |" in text
    unpaired = shown_of(NO_TEXT, "ca", summary=summary, changes=changes.clear())
    assert "55.6" not in unpaired


def test_a_few_questions_that_all_stay_right_show_nothing():
    for n, kept in ((20, None), (200, True)):
        tasks = tasks_of(("edit", "quiz", None, "acc", n, 0.5, 0.0, 0.0, 0.0))
        assert held(advice_of(tasks=tasks).general) == {"quiz acc": kept}


def test_the_entropy_of_own_words_stands_beside_the_unedited_models_and_judges_nothing():
    told = text_of(("edit", "en", "entropy", 3.1, 0.2), n=100)
    alone = shown_of(pl.concat([TEXT, told]))
    assert "Its free answers have 3.10 bits of entropy." in alone
    assert "| English | entropy | 100 answers | 3.10 [2.90, 3.30] |  |  | none |  |" in alone
    more = ("entropy_unedited", 4.5, 0.2), ("entropy_difference", -1.4, 0.1)
    beside = text_of(*(("edit", "en", *row) for row in more), n=100)
    text = shown_of(pl.concat([TEXT, told, beside]))
    assert "3.10 bits of entropy, those of the unedited model 4.50." in text
    assert "| 3.10 [2.90, 3.30] | 4.50 | -1.40 [-1.50, -1.30] | none |  |" in text
    assert "says the same over and over, or much less. Both are of the prompts" in text
    assert "| edit | English | learnt | within the bound |" in text
    assert "entropy" not in shown_of(TEXT)


def shown_of(text, language="en", **tables):
    page = advice_page(
        [advice_of(language, text=text, **tables)], FAMILIES, BOUNDS, 0.95, NAMES, "m"
    )
    return as_markdown(TITLE, page)


def whole_page():
    advices = advise(SUMMARY, CHANGES, TEXT, NO_TASKS, BOUNDS)
    picture = Picture("figures/a.png", b"png", "gain & cost")
    return advice_page(advices, FAMILIES, BOUNDS, 0.95, NAMES, "small <model>", picture)


def test_the_page_states_bounds_measures_and_every_edit():
    text = as_markdown(TITLE, whole_page())
    assert text.startswith("# Should I ship this edit?\n\nThe model is small &lt;model&gt;.")
    overview = "| edit | English | learnt | within the bound | GA ahead, GP no clear difference,"
    assert f"{overview} NS behind |" in text
    assert "| edit | Catalan | no | above the bound | no such row |" in text
    for bound in ("80%", "50%", "5 points", "1.05 times", "0.05 nats", "2 points", "20 facts"):
        assert bound in text
    assert (
        "* GA, on the edited prompts: share of the prompts after which the model, writing" in text
    )
    assert "* NS, on neighbours, other subjects whose answer must stay as it was: share" in text
    assert (
        "Asked in English, where it was edited: learnt; cost within the bound. Writing freely, the "
        "model names the new answer after 95.0% [92.0, 98.0] of the edited prompts (GA) and after 60.0% [55.0, "
        "65.0] of the paraphrases (GP). Neighbouring facts changed by -1.0 points [-3.0, +1.0] of "
        "NS and -0.5 points [-2.0, +1.0] of GN. Of unrelated text in English, the perplexity is "
        "1.0100 [1.0050, 1.0150] times what it was and predictions moved by 0.0200 [0.0150, 0.0250] "
        "nats a token." in text
    )
    assert "Against told, where the fact stands in the prompt: GA +5.0 points [+1.0, +9.0]," in text
    assert "Asked in Catalan, where nothing was edited: no; cost above the bound." in text
    assert "![gain &amp; cost](figures/a.png)" in text
    assert (
        "| Catalan | NS | 100 facts | 54.0% [46.0, 62.0] | 54.0% | -9.0 [-12.0, -6.0] | change ≥ -5 |"
        in text
    )


def test_the_page_in_html_says_the_same_and_stands_alone():
    text = as_html(TITLE, whole_page())
    found = Checked()
    found.feed(text.replace('style="max-width: 100%">', "></img>"))
    assert found.open == []
    assert found.links == ["data:image/png;base64,cG5n"]
    words = " ".join(found.texts)
    assert "small <model>" in words
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    rows = [line for line in as_markdown(TITLE, whole_page()).splitlines() if line[:2] == "| "]
    rows = [row[2:-2].split(" | ") for row in rows if not row.startswith(("| ---", "| asked"))]
    assert cells == [cell.replace(">", "&gt;") for row in rows[1:] for cell in row]


def test_a_number_that_rounds_to_zero_has_no_minus():
    assert _points(Interval(-0.04, -0.06, 0.04)) == "+0.0 points [-0.1, +0.0]"
    assert _points(Interval(3.0)) == "+3.0 points"


def test_a_run_without_edits_has_nothing_to_ship():
    plain = SUMMARY.filter(pl.col("method").is_in(["unedited", "in_context"]))
    assert advise(plain, CHANGES, NO_TEXT, NO_TASKS, BOUNDS) == []
    assert NO_EDIT in as_markdown(TITLE, advice_page([], FAMILIES, BOUNDS, 0.95, {}, "m"))


@pytest.mark.parametrize("everything", [True, False])
def test_the_script_reads_what_the_run_has(tmp_path, everything):
    tables = {"summary": SUMMARY, "differences": CHANGES, "damage": TEXT}
    tables["general"] = pl.DataFrame(
        {"experiment": ["edit"], "task": "quiz", "metric": "acc", "n_questions": 200, "value": 0.5}
    ).with_columns(language=None, difference=0.0, low=-0.01, high=0.01, unedited=0.5, stderr=0.1)
    paths = {name: str(tmp_path / f"{name}.csv") for name in tables}
    for name, table in tables.items():
        io.write_csv(paths[name], table)
    (tmp_path / "gain_and_damage.png").write_bytes(b"png")
    lists = {name: [paths[name]] if everything else [] for name in ("damage", "general")}
    lists["picture"] = [str(tmp_path / "gain_and_damage.png")] if everything else []
    outputs = {name: str(tmp_path / f"ship.{name}") for name in ("page", "text")}
    cfg = {"ship": BOUNDS, "metrics": FAMILIES, "confidence": 0.95}
    told = advise_script.main(
        stage({**paths, **lists}, outputs, cfg, names=NAMES, model="tiny-llama")
    )
    assert told == "1 edits, asked in 2 languages"
    text = (tmp_path / "ship.text").read_text(encoding="utf-8")
    assert ("quiz acc" in text, "kl:" in text, "figures/gain" in text) == (everything,) * 3
    assert "data:image" in (tmp_path / "ship.page").read_text(encoding="utf-8") or not everything
