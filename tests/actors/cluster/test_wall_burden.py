"""What retrying for ever costs the clients' machine, beside backoff: the run of experiments/bench/RESULTS.md."""

import re
from pathlib import Path

import pytest
from meterstorm.experiments.scenario import load, versions

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

RESULTS = Path(__file__).parents[3] / "experiments/bench/RESULTS.md"
AWAY = re.compile(r"`away\.toml`:\n\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_clients_that_ask_at_once_for_ever_burn_far_more_than_those_that_back_off(wall, tmp_path):
    """As long as the server is away; before that nobody has a reason to, and both cost the same.

    At once means after each time-out of 20 ms: up to 200 times in four seconds. With full jitter the n-th wait
    is 2^(n-1) s on average, so that there are about three. Even the turns of the loop and a machine that gives the
    busier process less than it asks for leave much of that in CPU time.
    """
    (text,) = AWAY.findall(RESULTS.read_text())
    (tmp_path / "away.toml").write_text(text)
    at_once, jitter = (
        wall.simulate(version.scenario, 0, 1, 1.0, lambda share: None)[1]
        for version in versions(load(tmp_path / "away.toml"))
    )
    before, during, _ = (
        one / other
        for one, other in zip(at_once.cpu_s(of_servers=False), jitter.cpu_s(of_servers=False), strict=True)
    )
    assert during > 1.5
    assert 0.4 < before < 2.5
    assert at_once.attempts()[1] > 10 * jitter.attempts()[1]
