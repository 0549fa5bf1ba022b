"""HTML pages that stand alone: no file beside them, nothing from elsewhere, every text escaped."""

import html
import json
from collections.abc import Iterable, Sequence

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 78rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; } li { margin: .2rem 0; }
.scroll { overflow-x: auto; } .note { background: #fb03; padding: .5rem .8rem; border-radius: 4px; }
table { border-collapse: collapse; font-size: 13px; width: max-content; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; max-width: 24rem; }
th { background: var(--soft); white-space: nowrap; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.quiet { opacity: .65; font-size: 12px; } .wanted { color: #0a7d3c; } .true { color: #2266cc; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 .5rem; }
input, select { font: inherit; padding: .2rem .4rem; margin-right: .5rem; }
"""


def escaped(text: object) -> str:
    """A text in a page or in an attribute; nothing for None."""
    return "" if text is None else html.escape(str(text))


def page(title: str, body: Iterable[str], script: str = "") -> str:
    """A whole page. title: plain text; body: parts that are HTML already; script: JavaScript."""
    code = f"<script>{script}</script>" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>{escaped(title)}</h1>\n" + "\n".join(body) + f"\n{code}</body></html>\n"
    )


def data_element(name: str, content: object) -> str:
    """Plain data for a page's script, as JSON in an element of this id. No text in it can end
    the element or open a comment: what HTML reads as markup is written as an escape of JSON."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escaped(name)}">{text}</script>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; the header is plain text. numbers: to the right."""
    head = "".join(f"<th>{escaped(name)}</th>" for name in header)
    kinds = [' class="number"' if place in numbers else "" for place in range(len(header))]
    cells = (
        "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True))
        for row in rows
    )
    body = "\n".join(f"<tr>{line}</tr>" for line in cells)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
