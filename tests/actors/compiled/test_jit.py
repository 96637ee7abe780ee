"""What is compiled to machine code and where that is kept, and that it goes with sources that are gone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numba
import pytest
from meterstorm.actors.compiled import cache, jit
from meterstorm.actors.engine import loop
from meterstorm.experiments.cli import doctor


def test_the_latest_versions_compiled_are_kept(tmp_path, monkeypatch):
    versions = [tmp_path / f"{k:016x}" for k in range(5)]
    for k, folder in enumerate(versions):
        (folder / "engine_1").mkdir(parents=True)
        os.utime(folder, (1000 - k, 1000 - k))  # the first is the latest
    others = [tmp_path / "numba_of_others", tmp_path / "0123456789abcdef"]
    for folder in others:
        folder.mkdir()
    monkeypatch.setattr(cache, "CACHE_FOLDER", versions[0])
    cache.forget_old_code(kept=2)
    assert sorted(tmp_path.iterdir()) == sorted([*versions[:2], *others])


def test_threads_do_not_disturb_each_others_folder():
    inside, left = Event(), Event()

    def declare() -> str:
        with jit.cache_folder():
            inside.set()
            left.wait(10)
            return str(numba.config.CACHE_DIR)

    with ThreadPoolExecutor(1) as pool:
        with jit.cache_folder():
            found = pool.submit(declare)
            inside.wait(0.3)  # it must wait; if it does not, it finds the folder changed when this one leaves
        left.set()
        assert found.result(10) == str(cache.CACHE_FOLDER)


@jit.inlined
def double(x):
    return 2 * x


@jit.jit
def one_more(x):
    return x + 1


@jit.jit
def both(x):
    return one_more(double(x))


def test_python_may_call_what_compiled_code_calls():
    assert [both(3), double(3), one_more(3), both(4)] == [7, 6, 4, 9]


@pytest.mark.skipif(jit.JIT_DISABLED, reason="nothing is compiled")
def test_machine_code_is_kept_of_what_python_calls_only():
    doctor.compile_engine()
    kept = {path.name.split("-")[0] for path in Path(loop.run.stats.cache_path).glob("loop.*.nbi")}
    assert "loop.run" in kept
    assert not {"loop._dispatch", "observer.handle"} & kept


def test_the_cache_goes_by_every_source_that_may_be_compiled():
    rooms = Path(cache.__file__).parents[2]
    everywhere = {path for room in ("actors", "policies") for path in (rooms / room).rglob("*.py")}
    assert set(cache.sources()) == {path for path in everywhere if "__pycache__" not in path.parts}


def test_a_change_in_any_source_is_another_cache(tmp_path, monkeypatch):
    before = cache.hash_of(cache.sources())
    for source in cache.sources():
        changed = tmp_path / source.name
        changed.write_bytes(source.read_bytes() + b"\n")
        assert cache.hash_of([changed if path == source else path for path in cache.sources()]) != before
    assert cache.hash_of(cache.sources()) == before == cache.CACHE_FOLDER.name
