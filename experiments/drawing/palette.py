"""The colors, and what every mark looks like: eight colors that the color-blind tell apart.

After Okabe and Ito (2008), darker on white so that each has a contrast of at least 3 there, and lighter on black.
"""

from typing import NamedTuple


class Theme(NamedTuple):
    """The colors of a page, by what they are for."""

    paper: str
    ink: str
    soft: str  # words beside the numbers
    rule: str  # grid and borders
    shade: str  # windows
    panel: str  # behind tables' heads and boxes
    series: tuple[str, ...]
    shades: tuple[str, ...]  # of a map, from the least value to the largest


LIGHT = Theme(
    "#ffffff", "#1a1c20", "#565b63", "#d4d7dc", "#fbe0b5", "#f4f5f7",
    ("#005fa8", "#c8500a", "#007f62", "#a4488f", "#7a6200", "#3f4247", "#0e86a8", "#8a1538"),
    ("#f3f6fb", "#dce7f3", "#c2d6ea", "#a3c2e0", "#82acd4", "#4f83b5", "#3a6c9f", "#285484", "#173a64"),
)  # fmt: skip
DARK = Theme(
    "#15171b", "#e9eaec", "#abb0b8", "#3a3e46", "#54401d", "#1f2228",
    ("#5cb6f2", "#ff9457", "#35cfa4", "#e09bd0", "#e6cf5c", "#c9ccd2", "#8fe3f5", "#ff8fa9"),
    ("#1d2530", "#23344a", "#284361", "#2c5279", "#306292", "#6fa3d0", "#8fbbe0", "#b1d2ee", "#d6e9fa"),
)  # fmt: skip
PAPER = LIGHT.paper
DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "5 2", "1.5 3", "9 2 4 2", "3 1.5")


def variables(theme: Theme) -> str:
    """Return a theme as custom properties of CSS."""
    named = [f"--{name}:{getattr(theme, name)}" for name in ("paper", "ink", "soft", "rule", "shade", "panel")]
    named += [f"--s{n}:{color}" for n, color in enumerate(theme.series)]
    named += [f"--h{n}:{color}" for n, color in enumerate(theme.shades)]
    return ";".join(named)


# What a page takes from custom properties, a file has as it is: a library that makes PNG knows no properties.
RULES = """
text{fill:$ink}text.soft{fill:$soft}text.small{fill:$ink;font-size:10px}text.inverse{fill:$paper}
text.title{font-weight:bold}
.grid{stroke:$rule;stroke-width:.6;fill:none}.edge{stroke:$soft;stroke-width:.8;fill:none}
.zero{stroke:$ink;stroke-width:1;stroke-dasharray:3 2;fill:none}
.window{fill:$shade}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.band,.area{stroke:none}.band{fill-opacity:.18}.area{fill-opacity:.85}
.whisker{fill:none;stroke-width:2.2}.wide{fill:none;stroke-width:.9}
.cell{stroke:$paper;stroke-width:.7}.none{fill:$paper}.tie{fill:$rule}
.contour{fill:none;stroke:$ink;stroke-width:1.8;stroke-linecap:round}.contour.under{stroke:$paper;stroke-width:4}
"""


def rules() -> str:
    """Return the style sheet of the marks, with names of colors where a color goes."""
    parts = [RULES]
    for n, dash in enumerate(DASHES):
        parts.append(
            f".line.s{n},.s{n} .whisker,.s{n} .wide{{stroke:$s{n}}}"
            f".band.s{n},.area.s{n},.cell.s{n},.dot.s{n},.key.s{n},.s{n} .mark{{fill:$s{n}}}"
        )
        if dash:
            parts.append(f".line.s{n}{{stroke-dasharray:{dash}}}")
    parts.append(
        ".line.dense{stroke-dasharray:none;stroke-width:1}"
    )  # dashes of what goes up and down say nothing
    parts += [f".cell.h{n}{{fill:$h{n}}}" for n in range(len(LIGHT.shades))]
    return "".join(parts).replace("\n", "")


def style(theme: Theme = LIGHT) -> str:
    """Return the style sheet of a figure that is a file of its own."""
    text = rules()
    for name, color in _named(theme):
        text = text.replace(f"${name}", color)
    return text


def page_style() -> str:
    """Return the style sheet of figures in a page, which has the colors as properties."""
    text = rules()
    for name, _ in _named(LIGHT):
        text = text.replace(f"${name}", f"var(--{name})")
    return text


def _named(theme: Theme) -> list[tuple[str, str]]:
    pairs = [part.removeprefix("--").partition(":") for part in variables(theme).split(";")]
    return sorted(((name, color) for name, _, color in pairs), key=lambda pair: -len(pair[0]))
