"""Files of drawn scenarios, named after what is in them: the same text is written once, whoever draws it."""

import hashlib
import os
import tempfile
from pathlib import Path


def kept(text: str) -> str:
    """Return the path of a file with this text; another process may be writing it, too."""
    folder = Path(tempfile.gettempdir()) / "meterstorm-drawn"
    folder.mkdir(exist_ok=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
    if not path.exists():
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(text)
        aside.replace(path)
    return str(path)
