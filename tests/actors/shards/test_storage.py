"""Where files are: what holds of those on a disk holds of those in a store."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.shards import sealed, storage
from meterstorm.actors.shards.checkpoints import look_at
from meterstorm.actors.shards.sealed import CheckpointError, Refused, read, write
from meterstorm.actors.shards.storage import Location, Url, location

from support import google_store, object_store
from support.object_store import Store


@pytest.fixture
def store(monkeypatch) -> Iterator[Store]:
    with object_store.used(monkeypatch) as store:
        yield store


@pytest.fixture(params=["disk", "store"])
def folder(request, tmp_path: Path, store: Store) -> Location:
    return tmp_path / "a b" if request.param == "disk" else location(store.url("a b"))


def content(file: Location) -> bytes:
    with storage.opened(file) as stream:
        return stream.read()


def test_files_are_there_as_they_were_put_until_they_are_removed(folder: Location):
    assert storage.names(folder) == [] and not folder.exists()
    for name, pieces in {"b": [b"one", b"two"], "a": [], "b2": [b"x" * 6_000_000]}.items():
        storage.make(folder / "below")
        storage.put(folder / "below" / name, pieces)
        assert content(folder / "below" / name) == b"".join(pieces)
    storage.put(folder / "below" / "a", [b"instead"])
    assert content(folder / "below" / "a") == b"instead"
    assert storage.names(folder) == ["below"] and storage.names(folder / "below") == ["a", "b", "b2"]
    assert (folder / "below" / "b").exists() and (folder / "below").exists()
    storage.remove(folder / "below" / "b")
    assert storage.names(folder / "below") == ["a", "b2"]  # not what only begins so
    storage.remove(folder / "below")
    storage.remove(folder / "below")  # which is no error
    assert storage.names(folder) == []


def test_of_a_google_store_folders_are_seen_and_removed():
    """Where Arrow itself lists no folder, and misses one when it has removed all that is in it."""
    with google_store.serving() as store:
        folder = location(store.url("a b"))
        assert storage.names(folder) == [] and not folder.exists()
        for name in ("below/b", "below/a/deep/c", "file"):
            storage.put(folder / name, [b"one", b"two"])
        assert set(store.objects.values()) == {b"onetwo"}
        store.objects["a bc/x"] = store.objects["a b/below2"] = b""
        assert storage.names(folder) == ["below", "below2", "file"]
        assert storage.names(folder / "below") == ["a", "b"] and (folder / "below" / "a").exists()
        storage.remove(folder / "below")
        storage.remove(folder / "below")  # which is no error
        storage.remove(folder / "file")
        storage.try_out(folder)
        assert sorted(store.objects) == ["a b/below2", "a bc/x"]


def test_who_reaches_another_store_is_told_so(store: Store):
    with pytest.raises(CheckpointError, match="shard 1 does not see it: all nodes must reach the same store"):
        look_at(location(store.url("run/probe")), "shard 1")


def test_what_is_cut_short_is_not_there_in_part(folder: Location):
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    storage.make(folder)
    with pytest.raises(KeyboardInterrupt):
        storage.put(folder / "whole", pieces())
    assert not (folder / "whole").exists()


def test_to_try_out_a_folder_leaves_what_it_has(folder: Location):
    storage.make(folder)
    storage.put(folder / "probe", [b"mine"])
    storage.try_out(folder)
    assert content(folder / "probe") == b"mine" and storage.names(folder) == ["probe"]


def test_what_is_not_there_is_an_error_that_names_it(folder: Location):
    with pytest.raises(FileNotFoundError) as raised, storage.opened(folder / "none"):
        pass
    assert str(raised.value.filename) == str(folder / "none")


def test_a_sealed_file_is_the_same_wherever_it_is(folder: Location, tmp_path: Path):
    arrays = {"rows": np.arange(300_000), "few": np.zeros(0, "i4"), "more": np.ones(7)}
    dtypes = {name: rows.dtype for name, rows in arrays.items()}
    storage.make(folder)
    assert write(folder / "file", {"n": 1}, arrays) == write(tmp_path / "file", {"n": 1}, arrays)
    assert content(folder / "file") == (tmp_path / "file").read_bytes()
    facts, found = read(folder / "file", dtypes)
    assert facts == {"n": 1} and all((found[name] == rows).all() for name, rows in arrays.items())
    storage.put(folder / "file", [content(folder / "file")[:-1]])
    with pytest.raises(Refused) as raised:
        read(folder / "file", dtypes)
    assert str(raised.value).startswith(f"{folder / 'file'}: is cut off: it ends after ")


def test_a_good_file_is_not_refused_for_a_store_that_was_away(store: Store, monkeypatch):
    monkeypatch.setattr(storage, "PAUSES_S", (0.0, 0.0))
    file, opened = location(store.url("run/file")), sealed.opened
    write(file, {"n": 1}, {})
    for fails in range(4):
        outcomes = iter([True] * fails + [False])

        def open_if_there(place: Location) -> Any:
            if next(outcomes):  # noqa: B023
                raise OSError(None, "away", str(place))
            return opened(place)

        monkeypatch.setattr(sealed, "opened", open_if_there)
        if fails < 3:
            assert read(file, {})[0] == {"n": 1}
        else:
            with pytest.raises(CheckpointError, match="away") as raised:
                read(file, {})
            assert not isinstance(raised.value, Refused)


def test_a_file_is_fetched_while_it_is_read(folder: Location):
    storage.make(folder)
    storage.put(folder / "scenario.toml", [b"title"])
    with storage.fetched(folder / "scenario.toml") as path:
        assert path.name == "scenario.toml" and path.read_text() == "title"
    assert path.exists() is isinstance(folder, Path)  # no copy stays


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("out/run", Path("out/run")), ("/a:b", Path("/a:b")), ("file:///tmp/a%20b", Path("/tmp/a b")),
        ("s3://b/p/q/", Url("s3://b/p/q")), ("s3://b/p?region=eu", Url("s3://b/p", "region=eu")),
        ("S3://b/P", Url("s3://b/P")), ("gs://anonymous@b/p", Url("gs://anonymous@b/p")),
        ("file:/tmp/a", Path("/tmp/a")), ("s3", Path("s3")), ("s3.d/x:y", Path("s3.d/x:y")),
    ],
)  # fmt: skip
def test_locations(text: str, expected: Location):
    found = location(text)
    assert found == expected and pickle.loads(pickle.dumps(found)) == expected
    if isinstance(found, Url):
        assert location(str(found)) == found and location(str(found / "x")) == found / "x"
        assert (found / "x").name == "x" and (found / "x").parent == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://host/run", "https://host/run: is not allowed; it must be a path, or a URL in an"),
        ("hdfs://host/run", "hdfs://host/run: is not allowed; it must be a path"),
        ("s3://bucket", "s3://bucket: must name a bucket and a prefix in it, and no more, as s3:"),
        ("s3://bucket/", "must name a bucket and a prefix"), ("gs:///p", "as gs://BUCKET/PREFIX"),
        ("s3://b/p#1", "s3://b/p#1: must name a bucket and a prefix in it, and no more"),
        ("s3://key:word@b/p", "s3://...: a secret in it is not allowed; credentials are taken from the"),
        ("s3://AKIA:key:word/x@b/p", "s3://...: a secret in it is not"),
        ("s3://AKIAKEY:W/key:word@b/p", "s3://...: a secret in it is not"),
        ("S3:b/p?Secret_Key=key:word", "S3://...: a secret in it is not"),
        ("gs://b/p?access%5ftoken=key:word", "gs://...: a secret"),
        ("s3://b/p?X-Amz-Signature=key:word", "s3://...: "),
        ("abfs://b/p?client_secret=key:word", "abfs://...: a secret in it is not"),
        ("abfs://c@account/p", "abfs://c@account/p: is not allowed; it must be a path, or a URL"),
        *[(f"s3://b/{path}", f"s3://b/{path}: must name a bucket and a prefix in it, and no more, as s3://BUCKET/")
          for path in ("..", ".", "p/..", "p/./q", "p//q", "/p", "p//", "%2e%2E", "p%2F..%2F..", "?region=eu")],
        *[(text, f"{text}: must name a bucket") for text in ("s3:/b/p", "s3:b/p", "GS:b")],
        *[(text, f"{text!r}: space around it and control characters") for text in (" s3://b/p", "s3://b/p ", "s3://b/\np")],
        ("s3://[x/p", "s3://[x/p: is not allowed; it must be a path, or a URL"),
        *[(text, f"{text}: must name a path, and no more, as file:///PATH")
          for text in ("file://results/x", "file:///a?x=1", "file:///a#f", "file://")],
    ],
)  # fmt: skip
def test_no_locations(text: str, words: str):
    with pytest.raises(ValueError) as raised:
        location(text)
    assert words in str(raised.value) and "key:word" not in str(raised.value)


def test_what_must_not_fail_is_tried_three_times_in_a_store_only(tmp_path: Path, monkeypatch):
    paused: list[float] = []
    monkeypatch.setattr(storage.time, "sleep", paused.append)
    for place, tries in ((tmp_path, 1), (Url("s3://b/p"), 3)):
        for fails in range(5):
            outcomes = iter([OSError("away")] * fails + [None])
            left = tries

            def attempt() -> None:
                nonlocal left
                left -= 1
                if error := next(outcomes):  # noqa: B023
                    raise error

            if fails < tries:
                storage.patiently(place, attempt, OSError)
                assert left == tries - fails - 1
            else:
                with pytest.raises(OSError, match="away"):
                    storage.patiently(place, attempt, OSError)
                assert left == 0
    assert paused == [5.0, 5.0, 20.0] + [5.0, 20.0] * 2
