"""The benchmark of the wall clock: its loads are what it says, and it runs."""

from io import StringIO

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.bench import wall
from meterstorm.experiments.metrics.metrics import metrics
from rich.console import Console

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
    monkeypatch.setenv("COLUMNS", "160")
    result = invoke("bench", "wall", "--clients", 300, "--clients", 600, "--seconds", 2, "--durable")
    assert result.exit_code == 0, result.stderr
    few, many = (load(result.stdout, clients) for clients in ("300", "600"))
    assert number(many[0]) == pytest.approx(2 * number(few[0]), rel=0.2)
    for messages, *_, wall_s, cpu, shares, sides_us, bears in (few, many):
        messages_per_s = number(messages)
        cpu_s, cpu_us = sides(cpu), sides(sides_us.removesuffix(" us"))
        assert float(wall_s) == 2.0 and min(cpu_s) > 0.0
        assert sides(shares.replace("%", "")) == pytest.approx([100 * s / 2.0 for s in cpu_s], abs=0.8)
        assert cpu_us == pytest.approx([1e6 * s / messages_per_s / 2.0 for s in cpu_s], abs=10.0)
        assert number(bears.removesuffix("/s")) == pytest.approx(1e6 / max(cpu_us), rel=0.05)


def load(told, clients):
    """The cells beside a number of clients, in however many tables they are told."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if "│" in line]
    return [cell for label, *cells in rows if label == clients for cell in cells]


def sides(cell):
    """What a cell has of the clients and of the server."""
    return [float(word) for word in cell.split(" + ")]


def number(cell):
    return float(cell.replace(",", ""))


def test_its_tables_fit_80_columns():
    made = [wall.Load(700_000, 1_050_123.0, 345_678.0, 0.012, 12.3, 54.3, (3.21, 4.56), 5.0)]
    console = Console(width=80, file=StringIO())
    wall.show(console, made)
    words = set(console.file.getvalue().replace("│", " ").split())
    assert {"1,050,123", "345,678", "54.3", "5.00", "3.21", "4.56", "64%", "91%", "0.611", "1,151,451/s"} <= words


def test_the_largest_load_asks_for_a_million_messages_a_second():
    assert 1.5 * max(wall.CLIENTS) >= 1e6
