"""The text of users' own policies: a process reads each file once, and passes it on to the processes it starts.

So editing a file during a run changes nothing, and other nodes need not have it.
"""

import linecache
from collections.abc import Mapping
from pathlib import Path

_met: dict[Path, bytes] = {}  # by resolved path


def text_of(path: Path) -> bytes:
    """Return a file's text as this process first met it, or as it is now; raises OSError."""
    where = path.resolve()
    return _met[where] if where in _met else where.read_bytes()


def meet(path: Path) -> bytes:
    """Return a file's text, which stays this one from now on; raises OSError."""
    where = path.resolve()
    if where not in _met:
        _keep(where, where.read_bytes())
    return _met[where]


def is_there(path: Path) -> bool:
    """Whether the text of a file is known, or can be read."""
    return path.resolve() in _met or path.is_file()


def known() -> dict[str, bytes]:
    """Return the texts of all files that this process has met, by path."""
    return {str(path): text for path, text in _met.items()}


def provide(texts: Mapping[str, bytes]) -> None:
    """Have files stand for these texts, whatever is on disk; raises ValueError for one met with another text."""
    for name, text in texts.items():
        where = Path(name).resolve()
        if _met.get(where, text) != text:
            raise ValueError(f"{name}: this process has met another text of this policy; use a new process")
        _keep(where, text)


def forget(path: Path) -> None:
    """Have a file read again: one that cannot be imported may be mended."""
    where = path.resolve()
    _met.pop(where, None)
    linecache.cache.pop(str(where), None)


def _keep(where: Path, text: bytes) -> None:
    _met[where] = text
    lines = text.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[str(where)] = len(text), None, lines, str(where)  # tracebacks show what runs
