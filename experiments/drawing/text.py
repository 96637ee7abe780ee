"""Text in figures: any name, escaped and cut to the available room."""

import html
import math
import re
import unicodedata

# What no XML 1.0 document can have, not even as a reference.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SIZE = 12  # of letters, in the units of a figure
EM = 0.56  # width of a letter on average, over its size


def escape(text: str) -> str:
    """Return text for HTML and SVG, quotes included; signs that XML has not become question marks."""
    return html.escape(NOT_XML.sub("\ufffd", text))


def width(text: str, size: float = SIZE) -> float:
    """Return about how wide a text is."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return size * EM * (len(text) + wide)


def cut(text: str, room: float, size: float = SIZE) -> str:
    """Return a text that fits, with an ellipsis where something is left out."""
    line = " ".join(text.split())
    if width(line, size) <= room:
        return line
    while line and width(line + "…", size) > room:
        line = line[: max(0, len(line) - max(1, len(line) // 8))]
    return line.rstrip() + "…"


def capitalized(text: str) -> str:
    """Return a text as a sentence begins; the rest of it stays as it is."""
    return text[:1].upper() + text[1:]


def label(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    """Return a text at a place; `kind` is a class of the style sheet."""
    marks = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    return f'<text x="{plain(x)}" y="{plain(y)}"{marks}>{escape(text)}</text>'


def plain(value: float) -> str:
    """Return a coordinate, to a tenth of a unit."""
    return f"{value:.1f}".removesuffix(".0")


def number(value: float) -> str:
    """Return a number as a reader takes it in: three digits, thousands as k, millions as M."""
    if not math.isfinite(value):
        return f"{value:g}"
    for factor, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= (factor if factor > 1e3 else 10 * factor):
            return f"{value / factor:.3g}{sign}"
    return f"{round(value):,}" if abs(value) >= 1000 else f"{value:.3g}"
