"""The facts as a page to search and sort: what each model says to each of them."""

from collections.abc import Iterator, Sequence

import polars as pl

from memat.report.fact_table import probability_of, says
from memat.report.html_page import escaped, page, table

MOST_ROWS = 2000  # a browser stays quick; the CSV has all
COLUMNS = ("case_id", "language", "prompt", "wanted", "true", "status", "why")
SCRIPT = """
const body = document.querySelector("tbody"), rows = [...body.rows];
const find = document.getElementById("find"), pick = document.getElementById("pick");
const values = [1, 5].flatMap(n => [...new Set(rows.map(row => row.cells[n].textContent))]);
for (const value of values) pick.add(new Option(value));
function show() {
  const text = find.value.toLowerCase(), picked = pick.value;
  for (const row of rows) {
    const kept = !picked || [1, 5].some(n => row.cells[n].textContent === picked);
    row.hidden = !kept || !row.textContent.toLowerCase().includes(text);
  }
}
find.oninput = pick.onchange = show;
document.querySelectorAll("th").forEach((head, n) => {
  let up = false;
  head.style.cursor = "pointer";
  head.onclick = () => {
    up = !up;
    const key = row => row.cells[n].textContent;
    rows.sort((a, b) => (up ? 1 : -1) * key(a).localeCompare(key(b), undefined, {numeric: true}));
    body.append(...rows);
  };
});
"""


def fact_page(facts: pl.DataFrame, experiments: Sequence[str]) -> str:
    """The page. facts: of `memat.report.fact_table.with_models`, of which the first rows stand here."""
    shown = facts.head(MOST_ROWS)
    more = (
        f" Here are the first {shown.height:,} of {facts.height:,} rows; facts.csv has all."
        if shown.height < facts.height
        else ""
    )
    return page(
        "Fact by fact",
        [
            "<p>What each model says after the prompt by itself, and below it the probability of the "
            'wanted (new) and of the true target. <span class="wanted">Green</span> begins with the '
            f'wanted target, <span class="true">blue</span> with the true one.{more}</p>',
            '<p><input id="find" placeholder="search" aria-label="search">'
            '<select id="pick" aria-label="language or status"><option value="">all</option></select>'
            "</p>",
            table((*COLUMNS, *experiments), _rows(shown, experiments)),
        ],
        SCRIPT,
    )


def _rows(facts: pl.DataFrame, experiments: Sequence[str]) -> Iterator[list[str]]:
    for row in facts.iter_rows(named=True):
        yield [
            *(escaped(row[column]) for column in COLUMNS),
            *(_said(row, experiment) for experiment in experiments),
        ]


def _said(row: dict, experiment: str) -> str:
    """One cell: the answer, coloured by the target it begins with, and both probabilities."""
    answer = row[says(experiment)]
    if answer is None:
        return ""
    begins = next((name for name in ("wanted", "true") if _begins(answer, row[name])), "")
    chances = " · ".join(
        f"{name} {100 * row[column]:.1f}%"
        for name in ("wanted", "true")
        if row[column := probability_of(experiment, name)] is not None
    )
    return (
        f'<span class="{begins}">{escaped(answer)}</span><br><span class="quiet">{chances}</span>'
    )


def _begins(answer: str, target: str | None) -> bool:
    return bool(target) and answer.lower().startswith(target.lower())
