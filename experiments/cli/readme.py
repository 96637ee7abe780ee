"""The tables in this room's README, made from the schema: `python -m meterstorm.experiments.cli.readme`."""

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

from ..metrics.names import VIRTUAL, WALL
from ..reports.columns import TABLES
from ..scenario import reference
from ..scenario.faults import KINDS

README = Path(__file__).parents[1] / "README.md"


def filled(text: str) -> str:
    """Replace what is between `<!-- begin: NAME -->` and `<!-- end: NAME -->` by the current tables.

    Raises ValueError when a marker is not there exactly once.
    """
    parts = {"keys": _keys(), "faults": _faults(), "metrics": _metrics(), "columns": _columns()}
    for name, lines in parts.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        if (text.count(begin), text.count(end)) != (1, 1):
            raise ValueError(f"{begin} and {end} must each be there once")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = "\n".join([before + begin, "", *lines, "", end + after])
    return text


def _keys() -> Iterator[str]:
    for name, table in reference.tables().items():
        if name:
            yield f"\n### `{f'[[{name}]]' if reference.is_list(name) else f'[{name}]'}`\n"
        yield f"{cleandoc(table.__doc__ or '')}\n"
        rows = ((_code(k.name), k.allowed, k.unit, _default(k), k.meaning) for k in reference.keys(name))
        yield from _table(("key", "takes", "unit", "default", "meaning"), rows)


def _default(key: reference.Key) -> str:
    return "required" if key.is_required else _code(key.default)


def _faults() -> Iterator[str]:
    own = {kind: ", ".join(_code(key.name) for key in reference.keys_of_kind(kind)) for kind in KINDS}
    rows = ((_code(kind), own[kind], meaning) for kind, meaning in KINDS.items())
    return _table(("kind", "keys of its own", "what happens"), rows)


def _metrics() -> Iterator[str]:
    return _table(("metric", "unit", "meaning"), ((_code(m.name), m.unit, m.meaning) for m in VIRTUAL + WALL))


def _columns() -> Iterator[str]:
    for file, columns in TABLES.items():
        yield f"\n### `{file}`\n"
        yield from _table(("column", "meaning"), ((_code(name), meaning) for name, meaning in columns.items()))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(head)
    yield _row(columns)
    yield _row("---" for _ in columns)
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def main() -> None:
    """Write the README's tables."""
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
