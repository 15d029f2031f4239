"""The HTML elements from which a report's page is built."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

STYLE = """
:root { --ink: #222; --quiet: #666; --faint: #e4e4e4; --blue: #0072b2; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 70rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .7rem; padding-top: .8rem; border-top: 1px solid var(--faint); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; } .pair h3 { margin-top: 0; }
.quiet, figcaption { color: var(--quiet); }
figcaption, table, pre { font-size: .88rem; }
.lead { font-size: 1.1rem; margin: 1rem 0 1.4rem; }
.tiles { display: flex; flex-wrap: wrap; gap: 1.2rem; margin: 1.4rem 0 1.8rem; }
.tile { flex: 1 1 11rem; border-top: 3px solid var(--blue); padding: .5rem 0 0; }
.tile b { display: block; font-size: 1.35rem; font-weight: 600; }
.tile span { font-size: .85rem; color: var(--quiet); display: block; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.8rem 2.2rem; align-items: start; }
.pair > * { min-width: 0; }
@media (max-width: 55rem) { .pair { grid-template-columns: 1fr; } }
figure { margin: 0; } figure img { width: 100%; height: auto; }
table { border-collapse: collapse; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
th { font-weight: 600; color: var(--quiet); } .number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
pre { background: #f6f6f6; padding: .8rem 1rem; overflow-x: auto; } code { font-size: .92em; }
"""


def document(title: str, body: Iterable[str]) -> str:
    """A whole page that needs no other file; `body` is a sequence of HTML elements."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A titled section."""
    return "\n".join(["<section>", f"<h2>{escape(title)}</h2>", *parts, "</section>"])


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], text: int = 1) -> str:
    """A table; its first `text` columns are left-aligned words, the others right-aligned numbers."""
    kinds = ["" if i < text else ' class="number"' for i in range(len(header))]
    head = "".join(f"<th{kind}>{escape(cell)}</th>" for kind, cell in zip(kinds, header, strict=True))
    body = [
        "<tr>" + "".join(f"<td{kind}>{escape(str(cell))}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    ]
    return "\n".join(
        ['<div class="scroll"><table>', f"<thead><tr>{head}</tr></thead>", "<tbody>", *body, "</tbody></table></div>"]
    )


def tiles(entries: Iterable[tuple[str, str, str]]) -> str:
    """A row of key figures, each a triple (name, number, remark)."""
    cells = [
        f'<div class="tile"><span>{escape(what)}</span><b>{escape(number)}</b><span>{escape(remark)}</span></div>'
        for what, number, remark in entries
    ]
    return "\n".join(['<div class="tiles">', *cells, "</div>"])


def picture(svg: Path, title: str, caption: str) -> str:
    """A figure with a title and a caption; the picture is embedded in the page."""
    data = base64.b64encode(svg.read_bytes()).decode()
    image = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(title)}">'
    return f"<figure>\n<h3>{escape(title)}</h3>\n{image}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def code(text: str) -> str:
    """A block of code."""
    return f"<pre><code>{escape(text)}</code></pre>"
