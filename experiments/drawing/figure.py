"""What a figure is: a picture, what to see in it in words, and its numbers as a table."""

from collections.abc import Sequence
from typing import NamedTuple

from .text import escape

WIDTH = 400


class Table(NamedTuple):
    """Numbers in words: what stands over the columns, and the rows."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Key(NamedTuple):
    """What a color stands for; an arm can be switched off."""

    name: str
    color: int
    is_arm: bool = True


class Figure(NamedTuple):
    """A figure; `svg` is the picture without its title, in units of WIDTH."""

    name: str  # of its file
    title: str
    caption: str
    svg: str
    keys: Sequence[Key]
    table: Table
    arm: int | None = None  # the one arm that all of it belongs to
    has_lines: bool = False  # whether its keys stand for lines, which have dashes, or for surfaces

    @property
    def height(self) -> float:
        """Its height, in the units of the picture."""
        return float(self.svg.partition('viewBox="0 0 ')[2].partition('"')[0].split()[1])


def picture(height: float, parts: Sequence[str], alternative: str, data: str = "") -> str:
    """Return the SVG of a figure; `alternative` says to who cannot see it what it shows."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(alternative)}"{data}>'
        f"{''.join(parts)}</svg>"
    )


def sample(key: Key, has_lines: bool) -> str:
    """Return what a key's marks look like, 22 units wide and 8 high."""
    if has_lines:
        return f'<path class="line {color(key.color)}" d="M0 4h22"/>'
    return f'<rect class="key {color(key.color)}" y="1" width="16" height="6"/>'


def color(number: int) -> str:
    """Return the class of a color: there are eight, and then they come again."""
    return f"s{number % 8}"


def arm(number: int) -> str:
    """Return the class of what an arm's switch shows and hides."""
    return f"k{number}"
