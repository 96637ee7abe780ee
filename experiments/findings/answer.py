"""A finding: a question, the study that answers it, and the answer as its figures have it."""

from collections.abc import Callable, Sequence
from textwrap import fill
from typing import NamedTuple

from .figures import Figures
from .study import Study

WIDTH = 118  # of the page's lines


class Answer(NamedTuple):
    """What was found, in words and as a table, and where it stops being true."""

    words: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    stops: str


class Finding(NamedTuple):
    """A question with who asked it, the study, and what makes an answer of its figures."""

    question: str
    asked: str  # where, in public
    study: Study
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
