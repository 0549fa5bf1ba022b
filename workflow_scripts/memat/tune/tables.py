"""What was tried, as a table for a spreadsheet and one to read."""

from collections.abc import Iterator, Sequence

import polars as pl

from memat.cells import markdown_cell
from memat.tune.candidates import TUNED_KEYS
from memat.tune.search import Search, shown

DECIMALS = 2


def tried_frame(searches: Sequence[Search]) -> pl.DataFrame:
    """One row per candidate and round, in percent.

    part, candidate, round, n_facts, one column per setting, chosen, failed, score, magnitude,
    score of each edit language, NS lost of each pair of edit language and language asked, and
    the largest of them.
    """
    rows = list(_rows(searches))
    columns = dict.fromkeys(key for row in rows for key in row)
    return pl.DataFrame([{**columns, **row} for row in rows], infer_schema_length=None)


def _rows(searches: Sequence[Search]) -> Iterator[dict]:
    for search in searches:
        for done in search.rounds:
            last = done.number == search.rounds[-1].number
            for name, outcome in done.outcomes.items():
                settings = search.candidates[name]
                yield {
                    "part": search.part,
                    "candidate": name,
                    "round": done.number,
                    "n_facts": done.n_facts,
                    **dict.fromkeys(TUNED_KEYS),
                    **{key: shown(value) for key, value in settings.items()},
                    "chosen": last and name == search.chosen,
                    "failed": outcome.failed,
                    "score": _number(outcome.score),
                    "magnitude": _number(outcome.magnitude),
                    **{f"score {code}": _number(v) for code, v in outcome.by_language.items()},
                    "NS lost": _number(outcome.most_lost),
                    **{
                        f"NS lost {edit} asked in {asked}": _number(value)
                        for (edit, asked), value in outcome.lost.items()
                    },
                }


def _number(value: float) -> float | None:
    """Rounded; none for what a failed candidate has instead of a number."""
    return round(value, DECIMALS) if abs(value) != float("inf") else None


def markdown_of(searches: Sequence[Search], bound: float) -> str:
    """For each search what was chosen, and the candidates of its last round, best first."""
    return "\n".join(text for search in searches for text in _section(search, bound))


def _section(search: Search, bound: float) -> Iterator[str]:
    last = search.rounds[-1]
    yield f"## {search.part}: {len(search.candidates)} candidates tried\n"
    yield f"{verdict(search, bound)}\n"
    yield f"Those of the last round, on {last.n_facts} facts:\n"
    varied = [
        key
        for key in TUNED_KEYS
        if len({str(settings.get(key)) for settings in search.candidates.values()}) > 1
    ]
    able = [name for name, found in last.outcomes.items() if found.failed is None]
    able.sort(key=lambda name: (name != search.chosen, -last.outcomes[name].score))
    languages = list(search.outcome.by_language)
    header = [*varied, "score", *(f"score {code}" for code in languages), "NS lost"]
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for name in able:
        outcome = last.outcomes[name]
        numbers = (outcome.score, *outcome.by_language.values(), outcome.most_lost)
        settings = (markdown_cell(shown(search.candidates[name][key])) for key in varied)
        cells = [*settings, *(f"{number:.1f}" for number in numbers)]
        yield "| " + " | ".join(f"**{c}**" if name == search.chosen else c for c in cells) + " |"
    yield ""


def verdict(search: Search, bound: float) -> str:
    """What was chosen, and whether it keeps to the bound, in a sentence or two."""
    lost = search.outcome.most_lost
    kept = (
        f"it loses at most {lost:.1f} points of NS, of {bound:g} allowed."
        if search.keeps
        else f"**no candidate keeps to {bound:g} points of NS lost**; of all this one loses the"
        f" least, {lost:.1f} points."
    )
    told = ", ".join(f"{key} {shown(value)}" for key, value in search.settings.items())
    return f"Chosen: {told}; score {search.outcome.score:.1f}; {kept}"


def how_found(searches: Sequence[Search], languages: Sequence[str], bound: float) -> str:
    """How the settings of a file were found, in a few lines."""
    n_facts = searches[0].rounds[-1].n_facts
    lines = [f"Found by `snakemake tune` on {n_facts} tuning facts in {', '.join(languages)}."]
    for search in searches:
        kept = "" if search.keeps else f"; more than {bound:g} points: nothing tried kept to that"
        lines.append(
            f"{search.part}: {len(search.candidates)} candidates, score {search.outcome.score:.1f},"
            f" at most {search.outcome.most_lost:.1f} points of NS lost{kept}"
        )
    return "\n".join(lines)
