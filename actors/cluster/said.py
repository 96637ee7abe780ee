"""Warnings of processes on Ray: they come with results, and the driver's own loggers tell them."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

LOGGER = "meterstorm"  # of this package; its modules' are below it


class Line(NamedTuple):
    """What a logger was told in another process."""

    logger: str
    level: int
    text: str


class Collector(logging.Handler):
    """Collects what this package's loggers are told, from warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        self._lines.append(Line(record.name, record.levelno, record.getMessage()))

    def begin(self) -> None:
        """Collect from now on."""
        logging.getLogger(LOGGER).addHandler(self)

    def take(self) -> list[Line]:
        """Return what was collected since the last time."""
        lines, self._lines = self._lines, []
        return lines


@contextmanager
def collected() -> Iterator[Collector]:
    """Collect within this context."""
    collector = Collector()
    collector.begin()
    try:
        yield collector
    finally:
        logging.getLogger(LOGGER).removeHandler(collector)


class Teller:
    """Tells what other processes have said, each text once: many processes may say the same."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, whose: str, lines: Iterable[Line]) -> None:
        """Tell lines to the loggers of their names, with whose they are in front."""
        for line in lines:
            if line.text not in self._told:
                self._told.add(line.text)
                logging.getLogger(line.logger).log(line.level, "%s: %s", whose, line.text)
