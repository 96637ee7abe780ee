"""A finding: a question, the study that answers it, and the answer as its figures have it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, NamedTuple, Protocol

from .figures import Figures

WIDTH = 118  # of the page's lines


class Answer(NamedTuple):
    """What was found, in words and as a table, and where it stops being true."""

    words: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    stops: str


class Kept(Protocol):
    """A study whose results are kept in the repository."""

    @property
    def name(self) -> str:
        """Its name, which is that of its results."""

    @property
    def file(self) -> Path:
        """The results in the repository."""

    @property
    def command(self) -> str:
        """The command that runs the same."""

    @property
    def size(self) -> int:
        """How many rows it has."""

    @property
    def replications(self) -> int:
        """How often it is run."""

    def run(self, folder: Path, seed: int | None = None) -> list[dict[str, Any]]:
        """Run it in a folder; without a seed, from that of its scenarios."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep results in the repository."""

    def read(self) -> list[dict[str, Any]]:
        """Return the results in the repository."""


class Finding(NamedTuple):
    """A question with who asked it, the study, and what makes an answer of its figures."""

    question: str
    asked: str  # where, in public
    study: Kept
    answer: Callable[[Figures], Answer]


def prose(text: str) -> str:
    """Return a text of several lines as one."""
    return " ".join(text.split())


def section(finding: Finding, answer: Answer) -> str:
    """Return a finding in Markdown."""
    lines = [f"## {finding.question}", "", f"*{finding.asked}*", "", _wrapped(answer.words), ""]
    lines += ["| " + " | ".join(row) + " |" for row in (answer.heads, ["---"] * len(answer.heads), *answer.rows)]
    stops = _wrapped(f"**Where it stops.** {answer.stops}")
    lines += ["", stops, "", "```sh", finding.study.command, "```", ""]
    return "\n".join(lines)


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
