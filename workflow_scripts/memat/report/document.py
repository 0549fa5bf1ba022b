"""A page for people as a list of blocks, written as Markdown and as HTML that stands alone."""

import html
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from memat.cells import markdown_cell
from memat.html_page import escaped, page, table


@dataclass(frozen=True)
class Heading:
    """A heading below the title; plain text."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences; plain text."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list; plain texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Cells of plain text; those of a name in `numbers` stand to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG. path: seen from the page, for Markdown; HTML holds the picture itself."""

    path: str
    content: bytes
    caption: str


Block = Heading | Paragraph | Points | Table | Picture


def as_markdown(title: str, blocks: Iterable[Block]) -> str:
    """The page as Markdown, without a tag of the texts."""
    return "\n\n".join([f"# {_plain(title)}", *map(_markdown, blocks)]) + "\n"


def as_html(title: str, blocks: Iterable[Block]) -> str:
    """The page as HTML; nothing of it lies elsewhere."""
    return page(title, map(_html, blocks))


def _markdown(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_plain(text)}"
        case Paragraph(text):
            return _plain(text)
        case Points(items):
            return "\n".join(f"* {_plain(item)}" for item in items)
        case Table(header, rows, numbers):
            rule = ["---:" if name in numbers else "---" for name in header]
            lines = [map(markdown_cell, header), rule, *(map(markdown_cell, row) for row in rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Picture(path, _, caption):
            return f"![{_plain(caption)}]({path})"


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escaped(text)}</h2>"
        case Paragraph(text):
            return f"<p>{escaped(text)}</p>"
        case Points(items):
            return f"<ul>{''.join(f'<li>{escaped(item)}</li>' for item in items)}</ul>"
        case Table(header, rows, numbers):
            places = [place for place, name in enumerate(header) if name in numbers]
            return table(header, ([*map(escaped, row)] for row in rows), places)
        case Picture(_, content, caption):
            source = f"data:image/png;base64,{b64encode(content).decode()}"
            return f'<img src="{source}" alt="{escaped(caption)}" style="max-width: 100%">'


def _plain(text: str) -> str:
    """A text in a line of Markdown: no tag, no break."""
    return html.escape(" ".join(text.split()), quote=False)
