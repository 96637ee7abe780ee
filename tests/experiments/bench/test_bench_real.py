"""The benchmark of real servers: what it kills has kept what it says."""

import signal
from contextlib import nullcontext
from io import StringIO
from itertools import count
from types import SimpleNamespace

import pytest
from meterstorm.actors.shards.transport.frames import PeerLost
from meterstorm.actors.wall.backends.backend import ALWAYS, NOTHING, missing
from meterstorm.actors.wall.backends.registry import BACKENDS
from meterstorm.experiments.bench import real
from rich.console import Console

from support.command_line import invoke
from support.walled import needs


def needs_all(test):
    """Skip it where one of the backends is not there."""
    for backend in BACKENDS:
        test = needs(backend)(test)
    return test


@needs_all
@pytest.mark.slow
def test_what_was_granted_is_kept_in_every_mode_that_keeps_all():
    found = {(one.backend, one.keeps): one for one in real.modes(0.5, lambda done: None)}
    assert list(found) == real.MODES
    for (_, keeps), one in found.items():
        assert one.kill.granted > 0 and one.kill.unheard <= real.TOGETHER
        least = one.kill.granted if keeps == ALWAYS else 0  # what is written now and then may be lost
        assert least <= one.kill.kept <= (0 if keeps == NOTHING else one.kill.granted)
        assert min(one.together.client_us, one.kill.back_s) > 0.0 <= one.singly.server_us  # in ticks of 10 ms
        assert one.storm.attempts >= real.CROWD and one.storm.served_s > 0.0


@needs_all
@pytest.mark.slow
def test_the_benchmark_of_real_servers_has_a_row_for_each_mode(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    result = invoke("bench", "real", "--seconds", 0.1)
    assert result.exit_code == 0, result.stderr
    rows = [line.split("│")[1].strip() for line in result.stdout.splitlines() if "│" in line]
    assert rows == [f"{backend}: {keeps}" for backend, keeps in real.MODES]


def test_its_tables_fit_80_columns():
    pace = real.Pace(12_345.0, 31.0, 21.0)
    made = [
        real.Found(*mode, pace, pace, real.Kill(128_100, 33_000, 100, 1.22), real.Storm(4.79, 65_432))
        for mode in real.MODES
    ]
    console = Console(width=80, file=StringIO())
    real.show(console, made)
    text = console.file.getvalue()
    assert "…" not in text
    assert {"granted", "unheard", "nothing", "128,100", "12,345", "second", "1,220", "4,790", "65,432"} <= set(
        text.split()
    )


@pytest.mark.parametrize("after_s", [59.0, 61.0])
def test_one_that_does_not_start_again_is_lost_after_a_minute(monkeypatch, after_s):
    now_s = iter([0.0, after_s, after_s])
    answers = iter([False, True])
    monkeypatch.setattr(real.time, "monotonic", lambda: next(now_s))
    monkeypatch.setattr(real.time, "sleep", lambda seconds: None)
    service = SimpleNamespace(is_another=lambda: next(answers))
    with pytest.raises(PeerLost, match="not started again in 60 s") if after_s > 60.0 else nullcontext():
        assert real._back_s(service) == after_s


def test_a_crowd_asks_until_all_are_answered(monkeypatch):
    """The thousandth try is the first one that is answered, and then the next one of each other client."""
    monkeypatch.setattr(real.time, "sleep", lambda seconds: None)
    tries, done = count(1), []

    def connect(folder):
        return SimpleNamespace(answers=lambda: next(tries) >= 1000, close=lambda: done.append("closed"))

    process = SimpleNamespace(folder=None, send=done.append, start=lambda: done.append("started"))
    assert real._storm(process, connect).attempts == 999 + real.CROWD
    assert done == [signal.SIGKILL, "started", *["closed"] * real.CROWD]


def test_without_one_it_says_how_to_have_it(monkeypatch):
    def none():
        raise missing("redis-server")

    monkeypatch.setitem(BACKENDS, "redis", BACKENDS["redis"]._replace(find=none))
    result = invoke("bench", "real")
    assert (result.exit_code, result.stderr.strip()[-12:]) == (4, "installs one")
