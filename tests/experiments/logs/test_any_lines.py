"""Whatever is in a file: it is read, or refused in words, and each line counts exactly once."""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.logs.importing import READERS, site_of
from meterstorm.experiments.logs.log import EVENT
from meterstorm.experiments.logs.names import FORMAT_WORDS, SHOWN, Names
from meterstorm.experiments.logs.replay import replay

from support.logs import flexnet, plain, rlm, story, write

HAPPENED = story(1, days=0.6).happenings
LINES = {"flexnet": flexnet(HAPPENED), "rlm": rlm(HAPPENED, 3), "csv": plain(HAPPENED)}
HEAD = {"flexnet": [], "rlm": [], "csv": LINES["csv"][:1]}
SCRAPS = [
    "", " ", "\t", '"', ",", "23:59:59 ", " 0:00:00 ", "(lmgrd) ", "(vendord) ", "OUT: ", "IN: ", '"f" ', "a@b ",
    "@",     "TIMESTAMP 2/30/2024", "TIMESTAMP 1/1/0001", "TIMESTAMP 12/31/9999",
    "started on x (1/1/2020)", "(9 licenses)",
    "FlexNet Licensing version v1", "Rereading license file", "EXITING DUE TO SIGNAL 9", "(999999999 licenses)",
    "START h 01/01/2024 00:00:00", "02/29 10:00:00", "12/31/9999 23:59:59", "INUSE ", "PRODUCT p 1 1 5", "nan",
    "1e308", "\x00", "\ud7ff", "é", "2024-02-30T10:00:00+01:00 ", "DENIED: ", "(-4,342)", "SWITCH", "out",
    "start", "-1", "1,",
]  # fmt: skip


def any_line(kind: str) -> st.SearchStrategy[str]:
    """Lines of the format, pieces of such lines, scraps of all formats, and any text."""
    whole = st.sampled_from(LINES[kind])
    cut = st.tuples(whole, st.integers(0, 60), st.integers(0, 60)).map(
        lambda one: one[0][one[1] :] + one[0][: one[2]]
    )
    scraps = st.lists(st.sampled_from(SCRAPS), max_size=6).map("".join)
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=30)
    return st.one_of(whole, cut, scraps, text)


def logs(kind: str) -> st.SearchStrategy[list[str]]:
    return st.lists(any_line(kind), max_size=30).map(lambda lines: HEAD[kind] + lines)


def fates(kind: str, path: Path) -> dict[str, int] | None:
    """What became of the lines; None: refused in words."""
    try:
        log = READERS[kind]([path], Names(False))
    except ValueError as error:
        assert path.name in str(error)
        return None
    assert len(log.events["kind"]) <= log.lines[EVENT]
    assert log.events["time_s"] == sorted(log.events["time_s"])
    assert all(0 <= time_s <= log.span_s for time_s in log.events["time_s"])
    return log.lines


@pytest.mark.parametrize("kind", READERS)
def test_each_line_counts_exactly_once(kind: str):
    @given(logs(kind))
    def check(lines: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder) / "any.log", lines)
            found = fates(kind, path)
            if found is not None:
                assert sum(found.values()) == len(path.read_text(encoding="utf-8").split("\n")) - 1

    check()


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_any_bytes_are_read_or_refused(kind: str, is_compressed: bool):
    @given(st.binary(max_size=300))
    def check(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "any.log"
            path.write_bytes(gzip.compress(content) if is_compressed else content)
            fates(kind, path)

    check()


@pytest.mark.parametrize("kind", READERS)
def test_whatever_is_read_makes_a_site(kind: str):
    """Whole lines in any order, and others between them: it is replayed, or refused for want of a checkout."""

    @given(st.permutations(LINES[kind][1:]).flatmap(lambda some: st.tuples(st.just(some[:25]), logs(kind))))
    def check(both: tuple[list[str], list[str]]) -> None:
        some, others = both
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder) / "any.log", [LINES[kind][0], *some, *others[len(HEAD[kind]) :]])
            try:
                site = site_of(kind, [path], keeps_names=False)
            except ValueError as error:
                assert path.name in str(error)
                return
            found = replay(site)
            assert 0 <= found.repeated <= found.decisions
            assert site.trace.num_rows <= site.events.num_rows

    check()


COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
TEXT = "".join(f"{line}\n" for line in LINES["flexnet"])


def read(path: Path, content: bytes) -> dict[str, list[Any]]:
    path.write_bytes(content)
    return READERS["flexnet"]([path], Names(False)).events


@pytest.mark.parametrize("how", COMPRESS)
def test_a_compressed_log_is_read_as_the_log(how: str, tmp_path: Path):
    path = tmp_path / "debug.log"
    assert read(path, COMPRESS[how](TEXT.encode())) == read(path, TEXT.encode())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_log_of_any_encoding_is_read_as_the_log(encoding: str, end: str, tmp_path: Path):
    path = tmp_path / "debug.log"
    assert read(path, TEXT.replace("\n", end).encode(encoding)) == read(path, TEXT.encode())


NOT_READ = [
    (b"PK\x03\x04", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (lzma.compress(b"", lzma.FORMAT_ALONE)[:8], "lzma"),
    (b"\x1f\x9d\x90", "compress"),
    (b"Rar!\x1a\x07\x01\x00", "rar"),
    (b"\x04\x22\x4d\x18", "lz4"),
]


@pytest.mark.parametrize(("begin", "name"), NOT_READ)
def test_an_archive_is_refused_by_name(begin: bytes, name: str, tmp_path: Path):
    with pytest.raises(ValueError, match=rf"any\.log: is compressed by {name}; allowed: gzip, bzip2, xz"):
        read(tmp_path / "any.log", begin + bytes(100))


def test_a_log_that_begins_as_an_archive_would_is_read(tmp_path: Path):
    assert len(read(tmp_path / "any.log", f"BZhost\n{TEXT}".encode())["kind"]) == len(
        read(tmp_path / "any.log", TEXT.encode())["kind"]
    )


@pytest.mark.parametrize("how", ["", *COMPRESS])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_several_logs_in_one_are_refused(how: str, form: int, tmp_path: Path):
    """Their headers would be lines that are not understood, and their days would run together."""
    log = write(tmp_path / "debug.log", LINES["flexnet"])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        archive.add(log, "debug.log")
    content = COMPRESS[how](packed.getvalue()) if how else packed.getvalue()
    with pytest.raises(ValueError, match=r"any\.log: is a tar archive; allowed: one log"):
        read(tmp_path / "any.log", content)


@pytest.mark.parametrize("keeps", [False, True])
def test_what_is_shown_has_nothing_that_a_terminal_obeys(keeps: bool):
    assert Names(keeps).line("\x1b[2J\x07 OUT\u202e\x9b") == ("?[2J? OUT??" if keeps else "?[9x? OUT??")


@pytest.mark.parametrize("kind", READERS)
def test_a_folder_and_nothing_are_refused(kind: str, tmp_path: Path):
    (tmp_path / "empty.log").touch()
    with pytest.raises(ValueError, match=r"empty\.log: (has no checkout|there is no column)"):
        site_of(kind, [tmp_path / "empty.log"], keeps_names=False)
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        site_of(kind, [tmp_path], keeps_names=False)


@pytest.mark.parametrize("letter", [" ", "(", '"', "a ", "x", "\x00"])
@pytest.mark.parametrize(
    "begin",
    [
        "",
        "9:00:00 (vendord) ",
        '9:00:00 (vendord) DENIED: "f" a@b (',
        '9:00:00 (vendord) OUT: "f"',
        '9:00:00 (vendord) OUT: "f" (2 licenses) ',
    ],
)
def test_a_huge_line_is_read_and_shown_in_part(begin: str, letter: str, tmp_path: Path):
    """Were the time for a line as the square of its length, these would take minutes each."""
    path = tmp_path / "any.log"
    log = READERS["flexnet"]([write(path, [*LINES["flexnet"], begin + letter * 400_000])], Names(False))
    assert sum(log.lines.values()) == len(LINES["flexnet"]) + 1
    assert all(len(text) <= SHOWN for _, _, text in log.unread)
    with pytest.raises(ValueError, match="there is no column time") as refused:
        READERS["csv"]([write(path, [letter * 400_000])], Names(False))
    assert len(str(refused.value)) < len(str(path)) + 2 * SHOWN


@pytest.mark.parametrize("word", ["OUT", "OUTside", "UNSUPPORTED", "UNSUPPORTEDly", "ann"])
def test_a_word_at_the_end_of_what_is_shown_is_masked_as_a_whole(word: str):
    masked = word if word in FORMAT_WORDS else "x" * len(word)
    for before in range(SHOWN - len(word) - 1, SHOWN + 1):
        assert Names(False).line(" " * before + word) == (" " * before + masked)[:SHOWN]


def test_a_cut_archive_is_refused(tmp_path: Path):
    path = tmp_path / "cut.log.gz"
    path.write_bytes(gzip.compress(b"10:00:00 (vendord) noise\n" * 1000)[:-20])
    with pytest.raises(ValueError, match=r"cut\.log\.gz: cannot be read"):
        site_of("flexnet", [path], keeps_names=False)
