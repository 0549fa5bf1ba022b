"""The first page of a run: headline sentences, the whole table, settings, model and files."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from memat.html_page import escaped, page, table
from memat.report.figure_dataset import step_names
from memat.report.markdown import definition, legend, section_cells, section_title

BOLD = re.compile(r"\*\*(.+?)\*\*")
# what a spec may tell of a model, in the order of the page
MODEL_KEYS = ("description", "license", "license_url", "kind", "repo", "path", "revision", "file")
FILES = {
    "facts.csv": "every fact: what each model says, probabilities, kept or lost and why",
    "summary.csv": "every number of the table with its interval",
    "differences.csv": "experiments against their baselines, paired on the same facts",
    "dataset/lost.csv": "lost facts and prompts with their sentence and the reason",
    "dataset/edited_neighbours.csv": "neighbour prompts left out, as the run edits their subject",
    "dataset/funnel.csv": "facts left after each step",
    "table.md": "the table as Markdown",
}
# neighbours are counted where the facts of the run are drawn, the last rows
FUNNEL_HEADER = (
    *("step", "facts left", "facts dropped", "why", "prompts dropped", "why"),
    "neighbour prompts left",
)
# inside the report a page has no folder: its links lead nowhere
WITHOUT_LINKS = """
if (location.protocol === "data:" || location.protocol === "about:")
  document.querySelectorAll("a[href]").forEach(link => link.replaceWith(link.textContent));
"""


def index_page(
    summary: pl.DataFrame,
    sentences: Mapping[str, Sequence[str]],
    notes: Sequence[str],
    families: Sequence[str],
    confidence: float,
    funnel: pl.DataFrame,
    manifest: Mapping,
    settings: Mapping,
    from_model: Sequence[str] = (),
) -> str:
    """The page. summary: of `summary_frame`; sentences: `headlines`; notes: `chance_notes`;

    families: of the metrics shown; funnel: of `funnel_table`; manifest: of the prepared model;
    settings: the config as resolved. from_model: keys of them that have the value of the model's
    own settings file.
    """
    source = manifest["source"]
    model = source.get("description") or source.get("repo") or source.get("path") or "model"
    return page(
        f"What the edited models know: {model}",
        [
            headline_list(sentences),
            "<h2>Results</h2>",
            *results(summary, families, confidence),
            note_list(notes),
            '<p><a href="ship.html">Should I ship this edit? What it learnt and what it cost</a><br>'
            '<a href="facts.html">Fact by fact: what each model says</a></p>',
            "<h2>Model</h2>",
            table(("", ""), model_rows(manifest, from_model)),
            "<h2>Facts</h2>",
            table(FUNNEL_HEADER, _steps(funnel), numbers=(1, 2, 4, 6)),
            "<h2>Files of this run</h2>",
            table(
                ("file", "content"),
                ((f'<a href="{path}">{path}</a>', escaped(text)) for path, text in FILES.items()),
            ),
            "<details><summary>Settings</summary>",
            table(("key", "value"), ((escaped(k), escaped(v)) for k, v in flat(settings))),
            "</details>",
        ],
        WITHOUT_LINKS,
    )


def headline_list(sentences: Mapping[str, Sequence[str]]) -> str:
    """The sentences of each experiment as one item of a list."""
    if not sentences:
        return "<p>No experiment of this run edits the model.</p>"
    return _points((name, ": " + " ".join(told)) for name, told in sentences.items())


def note_list(notes: Sequence[str]) -> str:
    """What a reader must know before the numbers."""
    return "\n".join(f'<p class="note">{escaped(note)}</p>' for note in notes)


def definition_list(summary: pl.DataFrame, families: Sequence[str]) -> str:
    """What the metrics of the families say."""
    return _points((section_title(name), f", {definition(summary, name)}") for name in families)


def _points(told: Iterable[tuple[str, str]]) -> str:
    lines = (f"<li><strong>{escaped(what)}</strong>{escaped(text)}</li>" for what, text in told)
    return "<ul>" + "\n".join(lines) + "</ul>"


def results(summary: pl.DataFrame, families: Sequence[str], confidence: float) -> Iterator[str]:
    """The results table, a part for each family of metrics, laid out as in table.md."""
    for family in families:
        header, rows = section_cells(summary, family)
        cells = [[BOLD.sub(r"<strong>\1</strong>", escaped(cell)) for cell in row] for row in rows]
        yield f"<h3>{escaped(section_title(family))}</h3>"
        yield f'<p class="quiet">{escaped(definition(summary, family))}</p>'
        yield table(header, cells, numbers=range(1, len(header)))
    yield f'<p class="quiet">{escaped(legend(summary, families, confidence))}</p>'


def model_rows(manifest: Mapping, from_model: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What is known of the model, as cells; a license that the spec does not give is said to be.

    from_model: as in `index_page`; no row where there are none.
    """
    source = {"license": "not given in the model's file"} | dict(manifest["source"])
    told = [(key, source[key]) for key in MODEL_KEYS if key in source]
    if "wheels" in source:
        wheels = (f"{wheel['package']} {wheel['version']}" for wheel in source["wheels"])
        told.append(("wheels", ", ".join(wheels)))
    told.append(("type", manifest["model_type"]))
    cells = [(escaped(key), escaped(value)) for key, value in told]
    own = [("settings of the model's own", escaped(", ".join(from_model)))]
    return cells + (own if from_model else [])


def flat(settings: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and value as text of nested settings; a list stands in one row, or one an item."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from flat(value, f"{place}.{key}" if place else str(key))
    elif isinstance(settings, list) and any(isinstance(item, Mapping) for item in settings):
        for item in settings:
            words = (f"{key}: {value}" for key, value in item.items() if key != "name")
            yield f"{place}.{item.get('name', '')}", ", ".join(words)
    else:
        yield place, "–" if settings is None else str(settings)


def _steps(funnel: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    for name, row in zip(step_names(funnel), funnel.iter_rows(named=True), strict=True):
        of_facts = row["records"], row["dropped"], _counts(row["reasons"])
        of_prompts = row["prompts_dropped"], _counts(row["prompt_reasons"]), row["neighbours"]
        yield tuple(map(escaped, (name, *of_facts, *of_prompts)))


def _counts(reasons: str) -> str:
    """`5 target_not_final, 1 empty_translation` of a JSON object reason → count."""
    return ", ".join(f"{count} {reason}" for reason, count in json.loads(reasons).items())
