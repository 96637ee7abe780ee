"""A figure as a file of its own: SVG with its title and its keys on white, and the same as PNG."""

from collections.abc import Iterator

from . import palette
from .figure import WIDTH, Figure, sample
from .text import SIZE, cut, escape, label, plain

LINE = 17
PNG_ZOOM = 3


def to_svg(figure: Figure) -> str:
    """Return the figure as SVG; a viewer needs nothing else."""
    above = LINE + 6
    below = above + figure.height + 6
    height = below + LINE * len(figure.keys) + 4
    inner = figure.svg.replace("<svg ", f'<svg y="{above}" width="{WIDTH}" height="{plain(figure.height)}" ', 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -4 {WIDTH + 16} {plain(height + 4)}" '
        f'width="{2 * (WIDTH + 16)}" font-family="sans-serif" font-size="{SIZE}">',
        f"<title>{escape(figure.title)}</title><desc>{escape(figure.caption)}</desc>",
        f"<style>{palette.style()}</style>",
        f'<rect x="-8" y="-4" width="{WIDTH + 16}" height="{plain(height + 4)}" fill="{palette.PAPER}"/>',
        label(0, SIZE + 1, cut(figure.title, WIDTH), kind="title"),
        inner,
        *_keys(figure, below),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _keys(figure: Figure, top: float) -> Iterator[str]:
    for n, key in enumerate(figure.keys):
        y = top + LINE * n + SIZE
        yield f'<g transform="translate(0 {plain(y - 8)})">{sample(key, figure.has_lines)}</g>'
        yield label(28, y, cut(key.name, WIDTH - 30))


def to_png(svg: str) -> bytes:
    """Return an exported figure as PNG; raises ImportError where resvg is not installed."""
    import resvg_py

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=PNG_ZOOM))
