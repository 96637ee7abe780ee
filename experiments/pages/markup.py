"""Parts of a page as HTML: figures, tables, sections. Names stand as they are, in their own direction."""

import re
from collections.abc import Iterable, Sequence
from html import unescape

from ..drawing.figure import Figure, Table, arm, color, sample
from ..drawing.text import escape


def name(text: str) -> str:
    """Return a name that somebody gave, which may be read from right to left."""
    return escape(text) if text.isascii() else f"<bdi>{escape(text)}</bdi>"


def words(html: str) -> str:
    """Return HTML of ours as text."""
    return unescape(re.sub("<[^>]*>", "", html.replace("<br>", " ")))


def code(text: str) -> str:
    """Return what is typed as it is."""
    return f"<code>{escape(text)}</code>"


def paragraph(html: str, kind: str = "") -> str:
    """Return a paragraph."""
    return f'<p class="{kind}">{html}</p>' if kind else f"<p>{html}</p>"


def items(lines: Iterable[str]) -> str:
    """Return a list of lines, each of them HTML."""
    return f"<ul>{''.join(f'<li>{line}' for line in lines)}</ul>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return words and what they stand for, the latter as HTML."""
    return f"<dl>{''.join(f'<dt>{escape(word)}<dd>{html}' for word, html in pairs)}</dl>"


def section(mark: str, title: str, parts: Sequence[str]) -> str:
    """Return a section with its heading; `mark` is where links go."""
    head = f'<h2 id="{mark}-h">{escape(title)}</h2>'
    return f'<section id="{mark}" aria-labelledby="{mark}-h">{head}{"".join(parts)}</section>'


def folded(title: str, html: str, kind: str = "") -> str:
    """Return what is seen on demand."""
    return f'<details class="{kind}"><summary>{escape(title)}</summary>{html}</details>'


def figures(found: Iterable[Figure]) -> str:
    """Return figures side by side, as many as the window has room for."""
    return f'<div class="figures">{"".join(map(figure, found))}</div>'


def figure(one: Figure) -> str:
    """Return a figure: title, caption, keys, picture, and its numbers on demand."""
    own = f' class="{arm(one.arm)}"' if one.arm is not None else ""
    numbers = folded("Numbers", table(one.table, f"Numbers of: {one.title}"), "numbers")
    return (
        f"<figure{own}><figcaption><strong>{name(one.title)}</strong> {name(one.caption)}</figcaption>"
        f"{_keys(one)}{one.svg}{numbers}</figure>"
    )


def _keys(one: Figure) -> str:
    entries = "".join(
        f'<li class="{color(key.color)}{f" {arm(key.color)}" if key.is_arm else ""}">'
        f'<svg viewBox="0 0 22 8" aria-hidden="true">{sample(key, one.has_lines)}</svg>{name(key.name)}'
        for key in one.keys
    )
    return f'<ul class="keys">{entries}</ul>' if len(one.keys) > 1 else ""


def table(content: Table, title: str, kind: str = "") -> str:
    """Return a table; one that is wider than the page scrolls by itself."""
    heads = "".join(f'<th scope="col">{name(head)}' for head in content.heads)
    rows = "".join(f"<tr>{_cells(row)}" for row in content.rows)
    body = f"<thead><tr>{heads}<tbody>{rows}"
    words = escape(title)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{words}">'
        f'<table class="{kind}"><caption>{words}</caption>{body}</table></div>'
    )


def _cells(row: Sequence[str]) -> str:
    first, *others = row
    return f'<th scope="row">{name(first)}' + "".join(f"<td>{escape(cell)}" for cell in others)
