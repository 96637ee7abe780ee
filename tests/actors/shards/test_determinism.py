"""The same scenario and seed give the same run: whatever the shards, the bucket width, and with the JIT off."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.setup import build
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.scenario import Scenario, validate

from support import drawn
from support.drawn_groups import alike
from support.sharded import DRAWS, SIZE, for_the_jit, hosted, in_shards, known, some

# One client more would move others elsewhere, and into other groups.
TRACES = drawn.scenarios(arrivals=("trace",), sites=(1,), **SIZE).map(alike)


def test_once_more_is_the_same():
    for scenario in some(3, 0):
        assert known(simulate(scenario), scenario) == known(simulate(scenario), scenario)


def test_seed_and_replication_matter():
    one = next(scenario for scenario in some(20, 1) if simulate(scenario).series.sum() > 0)
    other = one.model_copy(update={"run": one.run.model_copy(update={"seed": one.run.seed ^ 1})})
    assert len({simulate(one).digest, simulate(one, 1).digest, simulate(other).digest}) == 3


@pytest.mark.parametrize("part", range(2))
def test_shards_do_not_matter(part: int):
    def check(scenario: Scenario) -> None:
        alone = known(simulate(scenario), scenario)
        for shards in (2, 3, 4):
            together = known(in_shards(scenario, shards), scenario)
            for name, value in alone.items():
                close = isinstance(value, float) and math.isclose(value, together[name], rel_tol=1e-12)
                assert together[name] == value or close, f"{name} on {shards} shards"

    drawn.explore(DRAWS, check, 30, part)


def test_shards_may_be_more_than_clients():
    scenario = validate({"title": "lonely", "clients": {"count": 1}})
    assert in_shards(scenario, 2).digest == simulate(scenario).digest


@pytest.mark.parametrize("shift", [10, 18, 26, 40])
def test_the_bucket_width_does_not_matter(shift: int, monkeypatch: pytest.MonkeyPatch):
    scenarios = some(6, 2)
    before = [known(simulate(scenario), scenario) for scenario in scenarios]
    monkeypatch.setattr(build, "_shift", lambda *_: shift)
    assert [known(simulate(scenario), scenario) for scenario in scenarios] == before


def test_the_jit_does_not_matter():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from meterstorm.actors.shards.simulate import simulate\n"
        "from support.sharded import for_the_jit, known\n"
        "import json\n"
        "print(json.dumps([known(simulate(scenario), scenario) for scenario in for_the_jit()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [known(simulate(scenario), scenario) for scenario in for_the_jit()]


def test_an_idle_client_changes_nothing_for_the_others():
    """Every other client, and every server, handles the same messages and timers at the same times."""
    handled = 0

    def check(scenario: Scenario) -> None:
        nonlocal handled
        if scenario.groups or any(map(is_by_share, (*scenario.faults, *(p.reserve for p in scenario.products)))):
            return  # of more clients, others are in groups, more crash, and more are favored
        clients = scenario.clients.count
        for shards in (1, 2):  # shares of a larger number would move other clients
            without = histories(with_clients(scenario, count=clients, assignment="random"), shards)
            more = histories(with_clients(scenario, count=clients + 1, assignment="random"), shards)
            assert without[0] == more[0][:clients], f"the history of a client, on {shards} shards"
            assert without[1] == more[1], f"the history of a server, on {shards} shards"
            handled += sum(digest != 0 for digest in without[0])

    drawn.explore(TRACES, check, 80, 0)
    assert handled > 400


def is_by_share(row: Any) -> bool:
    """Whether a fault, or a reservation, is of a share of the clients."""
    return hasattr(getattr(row, "clients", None), "fraction")


def with_clients(scenario: Scenario, **values: Any) -> Scenario:
    return scenario.model_copy(update={"clients": scenario.clients.model_copy(update=values)})


def histories(scenario: Scenario, shards: int) -> tuple[list[int], list[int]]:
    """The digests of all that each client and each server has handled."""
    if shards == 1:
        shard = Shard(scenario)
        shard.run(shard.end)
        parts = [shard]
    else:
        parts = hosted(scenario, shards)[1]
    clients = [digest for part in parts for digest in part.world.clients["digest"].tolist()]
    return clients, parts[0].world.servers["digest"].tolist()
