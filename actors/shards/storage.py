"""Where a run's files are: in a folder of a disk, or under a URL, in an object store that all nodes reach.

Objects in a store are written whole; nothing is renamed, appended to or locked there. So a run's own files, while
it goes on, are used only in the ways offered here: look for them, list, write whole, read, remove. Credentials and
endpoint are those that Arrow finds in the environment or behind `?`
(https://arrow.apache.org/docs/python/filesystems.html).
"""

import io
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SCHEMES = ("s3", "gs", "gcs")  # of stores in which an object is there as a whole or not at all
ALLOWED = "it must be a path, or a URL in an object store: s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"
SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):/")  # one slash: a Path keeps no second one
STORE = re.compile(rf"\s*({'|'.join(SCHEMES)}):", re.IGNORECASE)  # without a slash it is no path either
PASSWORD = re.compile(rf"{STORE.pattern}/*[^/?#]*:", re.IGNORECASE)  # a store has no port
SECRETS = re.compile("secret|key|token|sig", re.IGNORECASE)  # in the names of options

PAUSES_S = (5.0, 20.0)  # before what must not fail is tried again; Arrow itself tries for some seconds
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Url:
    """An object in a store, or all those whose names go on behind it, as in a folder."""

    address: str  # s3://bucket/prefix
    options: str = ""  # of Arrow's, behind the `?`

    def __truediv__(self, name: str) -> "Url":
        return replace(self, address=f"{self.address}/{name}")

    def __str__(self) -> str:
        return f"{self.address}?{self.options}" if self.options else self.address

    @property
    def name(self) -> str:
        """The last part of it."""
        return self.address.rpartition("/")[2]

    @property
    def parent(self) -> "Url":
        """What it is in."""
        return replace(self, address=self.address.rpartition("/")[0])

    def exists(self) -> bool:
        """Whether there is such an object, or one in such a folder; raises OSError."""
        return bool(_kind(self))


Location = Path | Url
T = TypeVar("T")
Where = TypeVar("Where", Path, Location)


def is_url(text: str | Path) -> bool:
    """Whether a text has the scheme of a URL; as a path it would be a folder of that name."""
    return SCHEME.match(str(text)) is not None


def location(text: str | Path) -> Location:
    """Return the path or the URL that a text is; raises ValueError for a URL that no run can be at."""
    text = str(text)
    found = STORE.match(text) or SCHEME.match(text)
    if not found:
        return Path(text)
    if _has_secret(text):
        why = "a secret in it is not allowed; credentials are taken from the environment"
        raise ValueError(f"{found[1]}://...: {why}")
    parts = _parts(text)
    if parts.scheme == "file" and parts.path and not (parts.netloc or parts.query or parts.fragment):
        return Path(unquote(parts.path))
    if parts.scheme == "file":
        raise ValueError(f"{text}: must name a path, and no more, as file:///PATH")
    path = parts.path.removeprefix("/").removesuffix("/")
    if not parts.netloc or parts.fragment or not {"", ".", ".."}.isdisjoint(unquote(path).split("/")):
        whole = f"{parts.scheme}://BUCKET/PREFIX, without parts that are empty, . or .."
        raise ValueError(f"{text}: must name a bucket and a prefix in it, and no more, as {whole}")
    return Url(f"{parts.scheme}://{parts.netloc}/{path}", parts.query)


def _has_secret(url: str) -> bool:
    options = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    return bool(PASSWORD.match(url)) or any(SECRETS.search(name) for name, _ in options)


def _parts(url: str) -> SplitResult:
    """Return the parts of a URL without losing anything."""
    if url != url.strip() or not url.isprintable():
        raise ValueError(f"{url!r}: space around it and control characters are not allowed; {ALLOWED}")
    with suppress(ValueError):  # of brackets
        parts = urlsplit(url)
        if parts.scheme in ("file", *SCHEMES):
            return parts
    raise ValueError(f"{url}: is not allowed; {ALLOWED}")


def names(folder: Location) -> list[str]:
    """Return the names of what is in a folder, sorted; none where there is no folder. Raises OSError."""
    if isinstance(folder, Path):
        return sorted(os.listdir(folder)) if folder.is_dir() else []
    from pyarrow.fs import FileSelector

    # Of Google's store Arrow lists objects, and no folders (https://github.com/apache/arrow/issues/35993).
    deep = not folder.address.startswith("s3:")
    with _asked(folder) as (system, path):
        found = system.get_file_info(FileSelector(path, allow_not_found=True, recursive=deep))
    return sorted({info.path.removeprefix(f"{path}/").partition("/")[0] for info in found} - {""})


def make(folder: Location) -> None:
    """Have a folder, and those above it; a store needs none. Raises OSError."""
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)


def try_out(folder: Location) -> None:
    """Raise OSError, which names it, unless a folder can be written."""
    make(folder)
    if isinstance(folder, Url):
        try:
            remove(probe(folder, "probe"))
        except OSError as error:
            error.filename = str(folder)
            raise


def probe(folder: Location, name: str) -> Location:
    """Make an empty file with a unique name that starts as given; return its place. Raises OSError."""
    file = folder / f"{name}-{secrets.token_hex(8)}"
    if isinstance(file, Path):
        file.touch()  # it need not outlast a loss of power
    else:
        put(file, [])
    return file


def put(file: Location, pieces: Iterable[Any]) -> None:
    """Write or replace a file atomically: all of it is there, or none. Raises OSError."""
    if isinstance(file, Path):
        _put_on_disk(file, pieces)
        return
    with _asked(file) as (system, path):
        stream = system.open_output_stream(path)
        try:
            with stream:
                for piece in pieces:
                    stream.write(piece)
        except BaseException:
            # Arrow has ended the upload with what it had, as if that were all, and has no way to give it up.
            with suppress(OSError):
                system.delete_file(path)
            raise


def _put_on_disk(file: Path, pieces: Iterable[Any]) -> None:
    partial = file.with_name(f"{file.name}.part")
    with partial.open("wb") as stream:
        for piece in pieces:
            stream.write(piece)  # unlike `tofile`, it says why it fails
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, file)
    sync(file.parent)


def sync(folder: Location) -> None:
    """Have a folder's new names outlast a loss of power, which in a store they do. Raises OSError."""
    if not isinstance(folder, Path):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def opened(file: Location) -> Iterator[BinaryIO]:
    """Give a file to read; raises OSError."""
    if isinstance(file, Path):
        with file.open("rb") as stream:
            yield stream
        return
    with _asked(file) as (system, path):
        stream = system.open_input_file(path)
    with stream:
        yield io.BufferedReader(stream, BUFFER_BYTES)


def remove(place: Location) -> None:
    """Remove a file, or a folder with all that is in it, if it is there; raises OSError."""
    if isinstance(place, Path):
        _remove_from_disk(place)
    elif kind := _kind(place):
        # Of Google's store Arrow removes what is in a folder, and then misses the folder.
        with _asked(place) as (system, path), suppress(FileNotFoundError):
            (system.delete_file if kind == "file" else system.delete_dir)(path)


def _remove_from_disk(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def way(place: Location) -> str:
    """Return in words what nodes need that do not see a place which the driver sees."""
    return f"all nodes must {'share its file system' if isinstance(place, Path) else 'reach the same store'}"


@contextmanager
def fetched(place: Location) -> Iterator[Path]:
    """Give a path at which a file is while it is read; raises OSError."""
    if isinstance(place, Path):
        yield place
        return
    with TemporaryDirectory(prefix="meterstorm-") as aside:
        copy = Path(aside) / place.name
        with _asked(place), opened(place) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, BUFFER_BYTES)
        yield copy


def upload(file: Path, place: Url) -> None:
    """Put a file of a disk, patiently; raises OSError."""

    def attempt() -> None:
        with file.open("rb") as source:
            put(place, iter(lambda: source.read(BUFFER_BYTES), b""))

    patiently(place, attempt, OSError)


def patiently(place: Location, attempt: Callable[[], T], failure: type[Exception]) -> T:
    """Return what reading or writing a place gives; a store, which may be away, is tried again after pauses."""
    for pause_s in PAUSES_S if isinstance(place, Url) else ():
        try:
            return attempt()
        except FileNotFoundError:
            raise
        except failure:
            time.sleep(pause_s)
    return attempt()


@cache
def _file_system(root: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    system, path = FileSystem.from_uri(root)
    return system, str(path)


@contextmanager
def _asked(place: Url) -> Iterator[tuple[Any, str]]:
    """Give Arrow's file system and the path in it; what it says of that is an OSError that names the URL."""
    parts = urlsplit(place.address)
    try:
        system, bucket = _file_system(str(Url(f"{parts.scheme}://{parts.netloc}", place.options)))
        yield system, f"{bucket}{unquote(parts.path)}"
    except (OSError, ValueError) as error:
        raise OSError(getattr(error, "errno", None), " ".join(str(error).split()), str(place)) from error


def _kind(place: Url) -> str:
    """Return "file", "folder", or nothing where there is nothing."""
    from pyarrow.fs import FileType

    with _asked(place) as (system, path):
        found = system.get_file_info(path).type
    return {FileType.File: "file", FileType.Directory: "folder"}.get(found, "")
