"""Where compiled code is kept: a folder named by a hash of the sources.

Numba looks only at the file of the function itself, so a change in a function that it calls would go unnoticed.

The folder lies in $NUMBA_CACHE_DIR, or in `meterstorm` of $XDG_CACHE_HOME, or of ~/.cache. Where it cannot be
written, a temporary one stands in, which only this process and those that it starts use, and which goes with it.
"""

import atexit
import logging
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from .sources import hash_of, sources_of

ROOM = 16 << 20  # bytes that must be free: the engine takes 3 MB, a policy of a user's 0.1 MB
HERE = "NUMBA_CACHE_DIR"

_log = logging.getLogger("meterstorm")


def sources() -> list[Path]:
    """Return the source files whose code may be compiled: all of actors/ and policies/, in order."""
    return sources_of("actors", "policies")


def _usual_folder() -> Path:
    """Return where compiled code belongs; an empty variable counts as unset. Raises OSError: there is no home."""
    if os.environ.get(HERE):
        return Path(os.environ[HERE])
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "meterstorm"


def _home() -> Path:
    if os.environ.get("HOME"):
        return Path(os.environ["HOME"])
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise OSError("there is no home folder: HOME is not set") from None


def _make_writable(folder: Path) -> None:
    """Make a folder, and check that it has room; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    is_empty = not any(folder.iterdir())  # else it has had its room
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(ROOM if is_empty else 1))


def _writable_folder(name: str) -> Path:
    """Return the folder of this name where compiled code is kept, or a temporary one where that cannot be."""
    try:
        folder = _usual_folder() / name
        _make_writable(folder)
    except OSError as error:
        temporary = Path(tempfile.mkdtemp(prefix="meterstorm-cache-"))
        _log.warning(
            "compiled code cannot be kept: %s; it is compiled anew each time, until NUMBA_CACHE_DIR names a folder"
            " that can be written",
            error,
        )
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        os.environ[HERE] = str(temporary)  # processes of this one, such as shards, need not compile again
        folder = temporary / name
        folder.mkdir()
    return folder


CACHE_FOLDER = _writable_folder(hash_of(sources()))


def forget_old_code(kept: int = 8) -> None:
    """Remove the compiled code of all but the `kept` latest versions of these sources: 2 MB each."""
    folders = [path for path in CACHE_FOLDER.parent.glob("[0-9a-f]" * 16) if any(path.glob("engine_*"))]
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime)[:-kept]:
        shutil.rmtree(folder, ignore_errors=True)
