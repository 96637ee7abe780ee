"""The benchmark of real servers: what it kills has kept what it says."""

import pytest
from meterstorm.actors.wall import redis_process
from meterstorm.experiments.bench import real

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


def test_without_a_redis_server_it_says_how_to_have_one(monkeypatch):
    def missing():
        raise redis_process.RedisMissing("there is none")

    monkeypatch.setattr(redis_process, "server_path", missing)
    result = invoke("bench", "real")
    assert (result.exit_code, result.stderr.strip()[-13:]) == (4, "there is none")
