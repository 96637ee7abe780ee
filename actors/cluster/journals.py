"""A journal that comes in pieces, as a whole: in memory if it is small, otherwise in a file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..shards.sealed import writing
from ..state.events import JOURNAL

IN_MEMORY = 16 << 20  # bytes of a world: small worlds are many, and each file would be one that is open


def kept(pieces: Iterator[Any], folder: Path | None = None) -> Any:
    """Return the rows of all pieces, read-only; rows in a file take only memory that is to spare.

    The file has no name, and goes with the rows, however the process ends. It is in `folder`; None: in the
    system's folder for temporary files. Raises CheckpointError where it cannot be written.
    """
    place = folder or Path(tempfile.gettempdir())
    with writing(place), tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+b", dir=str(place)) as file:
        for piece in pieces:
            file.write(piece.tobytes())
        size = file.tell()
        file.seek(0)
        return np.frombuffer(file.read(), JOURNAL) if size <= IN_MEMORY else np.memmap(file, JOURNAL, "r")
