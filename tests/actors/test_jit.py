"""Compiled code of versions that are gone goes, too."""

import os

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
