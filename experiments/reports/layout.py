"""Tables on the screen: no name is cut off, and columns that do not fit go into a table of their own."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

ANY_WIDTH = 1 << 16


class Column(NamedTuple):
    """What stands over a column, and its cells."""

    head: str
    cells: Sequence[Text | str]


def show_columns(console: Console, labels: Column, columns: Sequence[Column]) -> None:
    """Print labels with as many columns beside them as fit, then again with the next ones."""
    for part in _parts(console, labels, columns):
        show_whole(console, _table(labels, part))


def add_whole_column(table: Table, column: Column, justify: Literal["left", "right"]) -> None:
    """Add the head of a column that is never narrower than its cells."""
    lines = [line for cell in (column.head, *column.cells) for line in str(cell).splitlines()]
    widest = max(map(cell_len, lines), default=0)
    table.add_column(column.head, justify=justify, no_wrap=True, min_width=widest)


def show_whole(console: Console, table: Table) -> None:
    """Print a table; one that needs more room than the screen has gets it."""
    before = console.width
    console.width = max(before, _measured(console, table).minimum)
    console.print(table, crop=False)
    console.width = before


def _parts(console: Console, labels: Column, columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    part: list[Column] = []
    for column in columns:
        wider = [*part, column]
        if part and _measured(console, _table(labels, wider)).maximum > console.width:
            yield part
            wider = [column]
        part = wider
    if part:
        yield part


def _table(labels: Column, columns: Sequence[Column]) -> Table:
    table = Table()
    add_whole_column(table, labels, justify="left")
    for column in columns:
        add_whole_column(table, column, justify="right")
    for row in zip(labels.cells, *(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _measured(console: Console, table: Table) -> Measurement:
    return Measurement.get(console, console.options.update(max_width=ANY_WIDTH), table)
