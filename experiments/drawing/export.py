"""A figure as a file of its own: SVG with its title and its keys on white, and the same as PNG."""

from collections.abc import Iterator

from . import palette
from .figure import WIDTH, Figure, sample
from .text import SIZE, cut, escape, label, plain

LINE = 17
FONTS = "DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif"  # PNG: resvg has none of its own
MARGIN = 8
PNG_ZOOM = 3


def to_svg(*figures: Figure) -> str:
    """Return figures, one beside the other, as SVG; a viewer needs nothing else."""
    wide, high = (WIDTH + 2 * MARGIN) * len(figures), max(map(_height, figures)) + MARGIN
    words = [
        escape("; ".join(words)) for words in zip(*((one.title, one.caption) for one in figures), strict=True)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-MARGIN} {-MARGIN / 2:g} {wide} {plain(high)}" '
        f'width="{2 * wide}" font-family="{FONTS}" font-size="{SIZE}">',
        f"<title>{words[0]}</title><desc>{words[1]}</desc>",
        f"<style>{palette.style()}</style>",
        f'<rect x="{-MARGIN}" y="{-MARGIN / 2:g}" width="{wide}" height="{plain(high)}" fill="{palette.PAPER}"/>',
        *(part for n, figure in enumerate(figures) for part in _placed(figure, n * (WIDTH + 2 * MARGIN))),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _height(figure: Figure) -> float:
    return LINE + 12 + figure.height + LINE * len(figure.keys)


def _placed(figure: Figure, left: float) -> Iterator[str]:
    """Yield a figure with its title above and its keys below."""
    above = LINE + 6
    size = f'y="{above}" width="{WIDTH}" height="{plain(figure.height)}"'
    yield f'<g transform="translate({plain(left)} 0)">'
    yield label(0, SIZE + 1, cut(figure.title, WIDTH), kind="title")
    yield figure.svg.replace("<svg ", f"<svg {size} ", 1)
    yield from _keys(figure, above + figure.height + 6)
    yield "</g>"


def _keys(figure: Figure, top: float) -> Iterator[str]:
    for n, key in enumerate(figure.keys):
        y = top + LINE * n + SIZE
        yield f'<g transform="translate(0 {plain(y - 8)})">{sample(key, figure.has_lines)}</g>'
        yield label(28, y, cut(key.name, WIDTH - 30))


def to_png(svg: str) -> bytes:
    """Return an exported figure as PNG; raises ImportError where resvg is not installed."""
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=PNG_ZOOM))
