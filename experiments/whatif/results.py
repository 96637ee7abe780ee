"""Answers as a table on the screen, as Parquet and as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from rich.console import Console

from .answers import Answer
from .days import CONFIDENCE, Figure
from .question import Found, Question, told

WHATIF = "whatif.json"
FIGURES = ("denials", "denied", "share", "wait_s")
HEADS = ("licenses", "launches", "most in use", "denials", "truly denied", "share", "mean wait")
TEXT, NUMBER = pa.string(), pa.float64()
SCHEMA = pa.schema(
    [
        ("server", TEXT),
        ("product", TEXT),
        ("by", TEXT),
        ("seats", NUMBER),
        ("launches", pa.int64()),
        ("most_in_use", NUMBER),
    ]
    + [(f"{name}{end}", NUMBER) for name in FIGURES for end in ("", "_low", "_high")]
)


def rows(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Return a row for each answer, with the columns of SCHEMA."""
    return [
        {"server": one.pool[0], "product": one.pool[1], "by": one.by, **_cells(answer)}
        for one in found
        for answer in one.answers
    ]


def _cells(answer: Answer) -> dict[str, Any]:
    cells = {"seats": answer.seats, "launches": answer.launches, "most_in_use": answer.most_in_use}
    for name in FIGURES:
        figure: Figure = getattr(answer, name)
        cells |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return cells


def answer_of(row: Mapping[str, Any]) -> Answer:
    """Return the answer of a row, as `rows` has made it."""
    figures = [Figure(*(row[f"{name}{end}"] for end in ("", "_low", "_high"))) for name in FIGURES]
    return Answer(row["seats"], row["launches"], row["most_in_use"], *figures)


def content(question: Question, found: Sequence[Found]) -> dict[str, Any]:
    """Return what is written as JSON: every answer, and how many licenses are needed."""
    return {
        "window_s": question.window_s,
        "target": question.target,
        "confidence": CONFIDENCE,
        "answers": rows(found),
        "needed": [
            {"server": one.pool[0], "product": one.pool[1], **one.needed._asdict()} for one in found if one.needed
        ],
        "warnings": [line for one in found for line in one.warnings],
    }


def write(folder: Path, found: Sequence[Found], as_json: str) -> None:
    """Write `whatif.parquet` and `whatif.json`; raises OSError."""
    parquet.write_table(pa.Table.from_pylist(rows(found), SCHEMA), folder / "whatif.parquet")
    (folder / WHATIF).write_text(as_json + "\n", encoding="utf-8")


def show(console: Console, question: Question, found: Sequence[Found]) -> None:
    """Print a table for each pool, and how many licenses it needs."""
    for one in found:
        console.print(told(question, one))
        for line in _aligned([HEADS, *map(cells, one.answers)]):
            console.print(line)
        for line in _needs(question, one):
            console.print(line)


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines of columns as wide as they need: intervals are not broken, whatever the screen."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def cells(answer: Answer) -> list[str]:
    """Return an answer in words, by HEADS."""
    return [
        "as logged" if answer.seats is None else f"{answer.seats:,.0f}",
        f"{answer.launches:,}",
        f"{answer.most_in_use:,.0f}",
        in_words(answer.denials, "{:,.0f}"),
        in_words(answer.denied, "{:,.0f}"),
        in_words(answer.share, "{:.2%}"),
        in_words(answer.wait_s, "{:,.0f} s"),
    ]


def in_words(figure: Figure, form: str) -> str:
    """Return a figure with its interval, if it has one."""
    if figure.value is None:
        return "-"
    ends = () if figure.low is None else (form.format(figure.low), form.format(figure.high))
    return form.format(figure.value) + (f" [{ends[0]}, {ends[1]}]" if ends else "")


def _needs(question: Question, found: Found) -> Iterator[str]:
    if found.needed is not None:
        words = in_words(found.needed, "{:,.0f}")
        yield f"licenses for at most {question.target:.2%} of launches truly denied: {words}"
