"""The record: rows, and each handled event with what came of it."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meterstorm.actors.records import journal
from meterstorm.actors.state.events import JOURNAL

Row = NamedTuple("Row", [(name, int) for name in JOURNAL.names or ()])
Outcome = deque[Row]


class Contradiction(AssertionError):
    """The record shows what the contract rules out."""


def groups(rows: Iterable[Row]) -> Iterator[tuple[Row, Outcome]]:
    """Yield each handled event with what came of it."""
    event, outcome = None, Outcome()
    for row in rows:
        if row.what == journal.HANDLED:
            if event:
                yield event, outcome
            event, outcome = row, Outcome()
        else:
            outcome.append(row)
    if event:
        yield event, outcome


def expect(outcome: Outcome, row: Row, kind: int) -> Row:
    """Take the answer to a client's message out of what came of it."""
    answer = outcome.popleft() if outcome else None
    if answer is None or (answer.kind, answer.target, answer.attempt) != (kind, row.source, row.attempt):
        raise Contradiction(f"the answer to {row} must be of kind {kind}, not {answer}")
    return answer
