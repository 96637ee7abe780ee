"""The page around the parts: one file that asks for nothing else, with or without scripts."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from ..drawing import palette
from ..drawing.figure import Key, arm, color
from ..drawing.text import escape
from .markup import name


class Part(NamedTuple):
    """A section of a page: where links go, its heading, and its HTML."""

    mark: str
    title: str
    html: str


def page(title: str, verdict: str, arms: Sequence[Key], parts: Sequence[Part]) -> str:
    """Return a whole page; `verdict` is HTML, and all that one reads who reads nothing else."""
    script = _source("script.js")
    links = "".join(f'<a href="#{part.mark}">{escape(part.title)}</a> ' for part in parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_style(arms)}</style>\n</head>\n<body>\n"
        f'<header><h1>{name(title)}</h1><p class="verdict">{verdict}</p>'
        f'<nav aria-label="Sections">{links}</nav></header>\n'
        f"<main>{_switches(arms)}{''.join(part.html for part in parts)}</main>\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _policy(script: str) -> str:
    """Return what a browser may load and run: nothing but what is in the file, whatever a name says."""
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"style-src 'unsafe-inline'; script-src 'sha256-{mark}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _source(file: str) -> str:
    return files(__package__).joinpath(file).read_text(encoding="utf-8")


def _style(arms: Sequence[Key]) -> str:
    themes = (
        f":root{{{palette.variables(palette.LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{palette.variables(palette.DARK)}}}}}"
    )
    colors = "".join(f".s{n}{{--c:var(--s{n})}}" for n in range(8))
    hidden = "".join(
        f":root:has(#{arm(key.color)}:not(:checked)) main .{arm(key.color)}{{display:none}}" for key in arms
    )
    return themes + colors + _source("style.css") + palette.page_style() + hidden


def _switches(arms: Sequence[Key]) -> str:
    """Return a box for each arm that shows and hides its parts: the style sheet does that, not a script."""
    if len(arms) < 2:
        return ""
    return f'<fieldset class="arms"><legend>Show</legend>{"".join(map(_switch, arms))}</fieldset>'


def _switch(key: Key) -> str:
    box = f'<input type="checkbox" id="{arm(key.color)}" checked>'
    return f'<label class="{color(key.color)}">{box}{name(key.name)}</label>'
