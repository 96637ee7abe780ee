"""The benchmark of real servers: what it kills has kept what it says."""

from contextlib import nullcontext
from io import StringIO
from types import SimpleNamespace

import pytest
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall import redis_process
from meterstorm.experiments.bench import real
from rich.console import Console

from support.command_line import invoke
from support.walled import needs_redis


@needs_redis
@pytest.mark.slow
def test_what_was_granted_is_kept_in_every_mode_that_keeps_anything():
    found = {one.keeps: one for one in real.modes(0.2, lambda done: None)}
    assert list(found) == list(real.MODES)
    for name, one in found.items():
        assert one.kill.granted > 0 and one.kill.unheard <= real.TOGETHER
        assert one.kill.kept == (0 if name == "nothing" else one.kill.granted)
        assert min(one.singly.server_us, one.together.client_us, one.kill.back_s) > 0.0


@needs_redis
@pytest.mark.slow
def test_the_benchmark_of_real_servers_has_a_row_for_each_mode(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    result = invoke("bench", "real", "--seconds", 0.1)
    assert result.exit_code == 0, result.stderr
    assert [line.split("│")[1].strip() for line in result.stdout.splitlines() if "│" in line] == list(real.MODES)


def test_its_table_fits_80_columns():
    pace = real.Pace(12_345.0, 31.0, 21.0)
    made = [real.Found(name, pace, pace, real.Kill(128_100, 33_000, 100, 1.22)) for name in real.MODES]
    console = Console(width=80, file=StringIO())
    real.show(console, made)
    text = console.file.getvalue()
    assert "…" not in text
    assert {"granted", "unheard", "nothing", "128,100", "12,345", "second", "1,220"} <= set(text.split())


@pytest.mark.parametrize("after_s", [59.0, 61.0])
def test_one_that_does_not_start_again_is_lost_after_a_minute(monkeypatch, after_s):
    now_s = iter([0.0, after_s, after_s])
    answers = iter([False, True])
    monkeypatch.setattr(real.time, "monotonic", lambda: next(now_s))
    monkeypatch.setattr(real.time, "sleep", lambda seconds: None)
    service = SimpleNamespace(is_another=lambda: next(answers))
    with pytest.raises(PeerLost, match="not started again in 60 s") if after_s > 60.0 else nullcontext():
        assert real._back_s(service) == after_s


def test_without_a_redis_server_it_says_how_to_have_one(monkeypatch):
    def missing():
        raise redis_process.RedisMissing("there is none")

    monkeypatch.setattr(redis_process, "server_path", missing)
    result = invoke("bench", "real")
    assert (result.exit_code, result.stderr.strip()[-13:]) == (4, "there is none")
