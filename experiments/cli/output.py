"""Standard output and standard error: full, closed, unread, or in an encoding that lacks our characters."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# What stands for a sign in an encoding that does not have it; any other becomes an escape such as \u65e5.
FORMS = {"±": "+/-", "…": "...", "│": "|", "─": "-", "━": "-", "•": "*"}
FORMS_HANDLER = "meterstorm.forms"


class OutputError(Exception):
    """Standard output cannot be written; the message says why."""


class Output:
    """A stream that goes silent once no one reads it, and raises OutputError when it is full.

    `is_vital` is False for standard error: then it falls silent whatever happens.
    """

    def __init__(self, stream: TextIO, is_vital: bool) -> None:
        self._stream, self._is_vital = stream, is_vital

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, and return its length."""
        with self._guarded():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        with self._guarded():
            self._stream.flush()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What waits would be written, and fail, once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if self._is_vital and not isinstance(error, BrokenPipeError):
                raise OutputError(f"standard output: cannot be written: {error.strerror or error}") from error


def guard_streams() -> None:
    """Put guards in front of standard output and standard error; raises OutputError if there is no output."""
    codecs.register_error(FORMS_HANDLER, _in_forms)
    for name in ("stderr", "stdout"):
        stream: Any = getattr(sys, name)
        if stream is not None:
            stream.reconfigure(errors=FORMS_HANDLER)
            setattr(sys, name, Output(stream, is_vital=name == "stdout"))
    if sys.stdout is None:
        raise OutputError("standard output is closed; send it to a file, or to /dev/null")


def _in_forms(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # a stream that is written only encodes
    signs = error.object[error.start : error.end]
    return "".join(
        FORMS.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs
    ), error.end
