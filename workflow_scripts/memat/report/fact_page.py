"""The page of facts: every prompt beside every model, to search, to filter and to sort."""

import polars as pl

from memat.html_page import data_element, escaped, page
from memat.report.fact_page_script import SCRIPT
from memat.report.prompt_table import PROMPT_SCHEMA

MOST_ROWS = 100_000  # a page of some ten megabytes
# name of each column of `PROMPT_SCHEMA`; the number of a prompt is told by its text
SHOWN = {
    "case_id": "fact",
    "language": "language",
    "prompt_type": "prompt type",
    "prompt": "prompt",
    "wanted": "wanted",
    "other": "other",
    "model": "model",
    "P(wanted)": "P(wanted)",
    "P(other)": "P(other)",
    "says": "says",
    "translations": "in other languages",
    "status": "kept or lost",
    "why": "why",
}
CHOSEN = ("language", "model", "prompt_type", "status")  # by drop-downs
STYLE = """
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
form, nav { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .7rem 0; }
#find { width: 18rem; } body { max-width: none; } td { overflow-wrap: anywhere; }
"""


def fact_page(prompts: pl.DataFrame) -> str:
    """The page. prompts: of `memat.report.prompt_table.prompt_table`, of which the first
    `MOST_ROWS` stand in it."""
    shown = prompts.head(MOST_ROWS)
    heads = "".join(
        f'<th aria-sort="none"><button type="button">{escaped(name)}</button></th>'
        for name in SHOWN.values()
    )
    more = (
        f" Here are the first {shown.height:,} of {prompts.height:,} rows; those of other prompts"
        " are in scores/."
        if shown.height < prompts.height
        else ""
    )
    return page(
        "Fact by fact",
        [
            f"<style>{STYLE}</style>",
            "<p>A row is a prompt with one model: what the model <em>says</em> after it by itself "
            "(where answers were written), and the probability of the target that is "
            '<em>wanted</em> there and of the <em>other</em> one. <span class="wanted">Green</span> '
            'begins with the wanted target, <span class="true">blue</span> with the other. A lost '
            f"or unused fact has one row, without a model.{more}</p>",
            _controls(),
            f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody></tbody></table></div>',
            "<noscript><p>This table needs JavaScript; facts.csv has the edited prompts.</p></noscript>",
            data_element("data", _data(shown)),
        ],
        SCRIPT,
    )


def _controls() -> str:
    choices = "".join(
        f'<label>{escaped(SHOWN[name])} <select data-column="{list(SHOWN).index(name)}">'
        '<option value="">all</option></select></label>'
        for name in CHOSEN
    )
    pages = "".join(
        f'<button type="button" id="{name}">{name}</button>'
        for name in ("first", "previous", "next", "last")
    )
    return (
        '<form><label>search <input id="find" type="search" placeholder="words of a row"></label>'
        f'{choices}<button type="reset">clear</button></form>'
        f'<nav aria-label="pages">{pages}<output id="count" aria-live="polite"></output></nav>'
    )


def _data(prompts: pl.DataFrame) -> dict:
    """The rows as plain data: numbers as they are, each text once and its place in its stead.

    kinds: of each column, "text", "number" or "percent". texts: "" first, which also stands for
    none. rows: of each row its columns.
    """
    places = {"": 0}
    columns = [
        [places.setdefault(text or "", len(places)) for text in values]
        if values.dtype == pl.String
        else values.round(5).to_list()
        for values in prompts.select(*SHOWN)
    ]
    kinds = {pl.String: "text", pl.Int64: "number", pl.Float64: "percent"}
    return {
        "kinds": [kinds[PROMPT_SCHEMA[name]] for name in SHOWN],
        "texts": list(places),
        "columns": columns,
        "answer": [list(SHOWN).index(name) for name in ("says", "wanted", "other")],
    }
