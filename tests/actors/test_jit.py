"""Where compiled code is kept, and that it goes with the versions of the sources that are gone."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numba
from meterstorm.actors import jit


def test_the_latest_versions_compiled_are_kept(tmp_path, monkeypatch):
    versions = [tmp_path / f"{k:016x}" for k in range(5)]
    for k, folder in enumerate(versions):
        (folder / "actors_1").mkdir(parents=True)
        os.utime(folder, (1000 - k, 1000 - k))  # the first is the latest
    others = [tmp_path / "numba_of_others", tmp_path / "0123456789abcdef"]
    for folder in others:
        folder.mkdir()
    monkeypatch.setattr(jit, "CACHE_FOLDER", versions[0])
    jit.forget_old_code(kept=2)
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
        assert found.result(10) == str(jit.CACHE_FOLDER)
