"""The page of facts in a real browser: searched, filtered, sorted, turned; every text harmless."""

import time

import pytest

from browser.fact_rows import EVIL, MODELS, fact_rows
from memat.report.fact_page import fact_page

N_FACTS = 1700  # 20,401 rows
ROWS = "[...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
COUNT = "document.getElementById('count').textContent"
SORTED = "[...document.querySelectorAll('th')].map(h => h.getAttribute('aria-sort')).join(' ')"


@pytest.fixture
def opened(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "facts.html"
    path.write_text(fact_page(fact_rows(N_FACTS)), encoding="utf-8")
    browser.requests.clear()
    browser.open(path.as_uri())
    browser.wait(
        "document.readyState === 'complete' && document.querySelectorAll('tbody tr').length"
    )
    yield browser
    assert browser.errors == []
    assert browser.requests == [path.as_uri()]
    assert browser.evaluate("window.broken") is None


def find(browser, text):
    browser.evaluate(f"find.value = {text!r}; find.dispatchEvent(new Event('input')); 1")


def pick(browser, column, text):
    """Choose an option by its text, as a user sees it."""
    browser.evaluate(
        f"(() => {{ const s = document.querySelector('select[data-column=\"{column}\"]');"
        f" s.value = [...s.options].find(o => o.text === {text!r}).value;"
        " s.dispatchEvent(new Event('change')); return 1 })()"
    )


def click(browser, selector, number=0):
    browser.evaluate(f"document.querySelectorAll({selector!r})[{number}].click()")


def test_a_page_of_twenty_thousand_rows_opens_and_answers_at_once(opened):
    rows = opened.evaluate(ROWS)
    assert len(rows) == 200
    assert opened.evaluate(COUNT) == "rows 1–200 of 20,401"
    for action in (
        lambda: find(opened, "person 1699 rewrite"),
        lambda: click(opened, "th button", 3),
        lambda: click(opened, "form button[type=reset]"),
    ):
        start = time.monotonic()
        action()
        assert time.monotonic() - start < 2


def test_words_are_searched_in_whole_rows(opened):
    find(opened, "PERSON 1699 rewrite memit")
    rows = opened.evaluate(ROWS)
    assert [row[:3] for row in rows] == [["1699", "en", "rewrite"], ["1699", "ca", "rewrite"]]
    find(opened, "no such words")
    assert opened.evaluate(ROWS) == []
    assert opened.evaluate(COUNT) == "rows 0–0 of 0"


def test_drop_downs_choose_language_model_type_and_what_was_lost(opened):
    pick(opened, 1, "ca")
    pick(opened, 6, "memit_en")
    pick(opened, 2, "neighborhood")
    assert opened.evaluate(COUNT) == "rows 1–200 of 1,700"
    assert {tuple(row[n] for n in (1, 2, 6)) for row in opened.evaluate(ROWS)} == {
        ("ca", "neighborhood", "memit_en")
    }
    click(opened, "form button[type=reset]")
    opened.wait(f"{COUNT} === 'rows 1–200 of 20,401'")
    pick(opened, 11, "lost")
    (row,) = opened.evaluate(ROWS)
    assert row[0] == str(N_FACTS)
    assert row[-1] == "target_not_final: <b>x</b>"


def test_a_click_sorts_up_down_and_back(opened):
    find(opened, "memit_en")
    pick(opened, 1, "en")
    pick(opened, 2, "rewrite")
    as_made = opened.evaluate(ROWS)
    click(opened, "th button", 7)
    assert opened.evaluate(SORTED).split()[7] == "ascending"
    up = [row[7] for row in opened.evaluate(ROWS)]
    assert up == sorted(up, key=lambda text: float(text.rstrip("%")))
    click(opened, "th button", 7)
    down = [row[7] for row in opened.evaluate(ROWS)]
    assert down == sorted(down, key=lambda text: -float(text.rstrip("%")))
    assert (up[0], down[0]) == ("0.0%", "99.9%")
    assert opened.evaluate(SORTED).split().count("none") == 12
    click(opened, "#last")
    assert opened.evaluate(ROWS)[-1][0] == "3", "a row without a probability is the last one"
    click(opened, "th button", 7)
    assert opened.evaluate(ROWS) == as_made
    # texts with numbers in them as a reader would: 2 before 10
    click(opened, "th button", 3)
    order = [row[0] for row in opened.evaluate(ROWS) if row[0] != "7"]
    assert order[:12] == [str(n) for n in range(13) if n != 7]


def test_pages_are_turned_and_end(opened):
    click(opened, "#next")
    assert opened.evaluate(COUNT) == "rows 201–400 of 20,401"
    click(opened, "#last")
    assert opened.evaluate(COUNT) == "rows 20,401–20,401 of 20,401"
    assert opened.evaluate("document.getElementById('next').disabled")
    click(opened, "#previous")
    click(opened, "#first")
    assert opened.evaluate(COUNT) == "rows 1–200 of 20,401"
    assert opened.evaluate("document.getElementById('previous').disabled")


def test_the_keyboard_reaches_search_and_columns(opened):
    opened.evaluate("find.focus()")
    for letter in "lost":
        opened.press(letter)
    assert opened.evaluate(COUNT) == "rows 1–1 of 1"
    opened.evaluate("document.querySelector('th button').focus()")
    opened.press("Tab")
    opened.press("Enter")
    assert opened.evaluate(SORTED).split()[1] == "ascending"


def test_markup_in_texts_is_text(opened):
    find(opened, "onerror")
    pick(opened, 1, "en")
    rows = [row for row in opened.evaluate(ROWS) if row[0] == "7"]
    assert [row[3] for row in rows] == [EVIL] * 2 * len(MODELS)
    assert {row[6] for row in opened.evaluate(ROWS)} == {*MODELS}
    options = "[...document.querySelectorAll('select[data-column=\"6\"] option')].map(o => o.text)"
    assert opened.evaluate(options) == ["all", *MODELS]
    assert opened.evaluate("document.querySelectorAll('td *, script').length") == 2


def test_answers_are_marked_by_the_target_they_begin_with(opened):
    find(opened, "person 1699 rewrite")
    pick(opened, 1, "en")
    marks = "[...document.querySelectorAll('tbody tr')].map(row => row.cells[9].className)"
    assert opened.evaluate(marks) == ["true", "wanted", "wanted"]
