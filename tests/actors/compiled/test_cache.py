"""Where compiled code is kept, and what stands in where it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from meterstorm.actors.compiled import cache

CODE = "from meterstorm.actors.compiled.cache import CACHE_FOLDER; print(CACHE_FOLDER, CACHE_FOLDER.is_dir())"
WARNING = "compiled code cannot be kept: "


def folder_of(code: str = CODE, **variables: str | None) -> tuple[str, str]:
    """The output and the errors of another process, with some variables set, or unset if None."""
    names = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
    others = {name: value for name, value in os.environ.items() if name not in names}
    given = {name: value for name, value in variables.items() if value is not None}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=others | given, capture_output=True, text=True, check=True)
    return ended.stdout.strip(), ended.stderr


def test_the_folder_is_the_first_that_is_named(tmp_path):
    a, b, c = (str(tmp_path / name) for name in "abc")
    name = cache.CACHE_FOLDER.name
    for variables, expected in (
        ({"NUMBA_CACHE_DIR": a, "XDG_CACHE_HOME": b, "HOME": c}, f"{a}/{name}"),
        ({"XDG_CACHE_HOME": b, "HOME": c}, f"{b}/meterstorm/{name}"),
        ({"HOME": c}, f"{c}/.cache/meterstorm/{name}"),
        ({"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": c}, f"{c}/.cache/meterstorm/{name}"),
    ):
        assert folder_of(**variables) == (f"{expected} True", "")


@pytest.mark.parametrize("home", ["", None])
def test_no_home_is_the_home_of_the_account(home, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home) if home is not None else monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: type("Account", (), {"pw_dir": "/of/account"}))
    assert cache._usual_folder() == Path("/of/account/.cache/meterstorm")


def test_a_folder_that_cannot_be_made(tmp_path):
    """A temporary one stands in, for the processes of this one, too; it goes with it, and says so once."""
    (tmp_path / "file").write_text("no folder")
    code = CODE + f"; import subprocess, sys; sys.stdout.flush(); subprocess.run([sys.executable, '-c', {CODE!r}])"
    out, errors = folder_of(code, XDG_CACHE_HOME=str(tmp_path / "file"))
    mine, its = out.splitlines()
    assert mine == its
    folder, there = mine.split()
    assert there == "True"
    assert not Path(folder).parent.exists()
    assert errors.count(WARNING) == 1
    assert str(tmp_path / "file") in errors


def test_a_disk_without_room(tmp_path):
    """What is compiled already is used; what is not needs room."""
    small = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY)); {CODE}"
    )
    out, errors = folder_of(small, NUMBA_CACHE_DIR=str(tmp_path))
    assert not out.startswith(str(tmp_path))
    assert errors.count(WARNING) == 1
    (tmp_path / cache.CACHE_FOLDER.name / "code").touch()
    assert folder_of(small, NUMBA_CACHE_DIR=str(tmp_path)) == (f"{tmp_path / cache.CACHE_FOLDER.name} True", "")


def test_commands_that_compile_nothing_need_no_cache(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for arguments in (["list"], ["show", "q226827"], ["--help"], ["--version"]):
        code = f"import sys; sys.argv[1:] = {arguments}; from meterstorm.experiments.cli.main import main; main()"
        out, errors = folder_of(code, XDG_CACHE_HOME=str(tmp_path / "file"))
        assert out
        assert errors == ""
