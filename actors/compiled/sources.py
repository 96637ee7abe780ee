"""The package's source files, and a hash of them that identifies what compiled code and every result came from."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

TOP = "meterstorm"  # the top package lies in experiments/ here, and above all rooms where it is installed


def sources_of(*rooms: str) -> list[Path]:
    """Return all source files of these rooms, in order, wherever they are installed."""
    package = Path(__file__).parents[2]
    found = sorted(path for room in rooms for path in (package / room).rglob("*.py"))
    return [path for path in found if path.parent.name != TOP]


def hash_of(files: Iterable[Path]) -> str:
    """Return the first 16 hex digits of a hash of the files' bytes, in order."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
