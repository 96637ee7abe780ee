"""The benchmark of the wall clock: its loads are what it says, and it runs."""

import re

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.bench import wall
from meterstorm.experiments.metrics.metrics import metrics

from support.command_line import invoke


@pytest.mark.parametrize("durable", [False, True])
def test_a_client_sends_and_gets_three_messages_every_two_seconds(durable):
    """A request, its answer and a release: 1.5 a second, but for the latencies."""
    made = wall.scenario(2000, 5.0, durable)
    found = metrics(made, simulate(made))
    assert found["messages"] == pytest.approx(1.5 * 2000 * 5.0, rel=0.05)
    assert found["denials"] == 0 and found["grants"] == pytest.approx(found["messages"] / 3, rel=0.05)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_the_benchmark_of_the_wall_clock_runs(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    result = invoke("bench", "wall", "--clients", 300, "--clients", 600, "--seconds", 2, "--durable")
    assert result.exit_code == 0, result.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert [row[0] for row in rows] == ["300", "600"]
    few, many = (float(row[1].replace(",", "")) for row in rows)
    assert many == pytest.approx(2 * few, rel=0.2)
    assert all(re.fullmatch(r"\d+% \+ \d+%", row[6]) and row[7].endswith(" us") for row in rows)
