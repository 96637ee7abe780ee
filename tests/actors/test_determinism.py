"""The same scenario and seed give the same run: whatever the shards, the bucket width, and with the JIT off."""

import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import drawn
import pytest
from hypothesis import strategies as st
from meterstorm.actors import build
from meterstorm.actors.cluster import ShardHost
from meterstorm.actors.shard import Shard, Tally, merge, simulate
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario, validate

# Shards need a latency; a long one makes few windows.
SIZE: dict[str, Any] = {
    "latencies_ms": st.floats(50.0, 300.0),
    "clients_min": 3,
    "clients_max": 60,
    "duration_s": 1500.0,
}
DRAWS = drawn.scenarios(**SIZE)
TRACES = drawn.scenarios(arrivals=("trace",), sites=(1,), **SIZE)  # one client more would move others elsewhere


def some(examples: int, number: int) -> list[Scenario]:
    """Some drawn scenarios, which follow from `number`."""
    found: list[Scenario] = []
    drawn.explore(DRAWS, found.append, examples, number)
    return found


def known(tally: Tally, scenario: Scenario) -> dict[str, Any]:
    """Digest, events and all metrics."""
    return {"digest": tally.digest, "events": tally.events, **metrics(scenario, tally)}


def in_shards(scenario: Scenario, shards: int, keep_journal: bool = False) -> Tally:
    """What one replication counts on several shards."""
    return hosted(scenario, shards, keep_journal)[0]


def hosted(scenario: Scenario, shards: int, keep_journal: bool = False) -> tuple[Tally, list[Shard]]:
    """One replication on several shards, each in a thread of its own: what it counted, and the shards."""
    hosts = [ShardHost(shard, shards, b"a key of thirty-two bytes, or so") for shard in range(shards)]
    parts: dict[int, Shard] = {}

    def whole(host: ShardHost) -> Tally:
        host.connect(addresses)
        host.begin(scenario, 0, keep_journal)
        assert host.begun is not None
        parts[host.mesh.shard] = host.begun[0]
        while not host.run(0.5)[1]:
            pass
        return host.tally()

    try:
        addresses = [host.listen() for host in hosts]
        with ThreadPoolExecutor(shards) as pool:
            return merge(list(pool.map(whole, hosts))), [parts[shard] for shard in range(shards)]
    finally:
        for host in hosts:
            host.mesh.close()


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


def for_the_jit() -> list[Scenario]:
    """Drawn scenarios, and one whose clients tell servers of as many slots as there can be."""
    full = {
        "title": "all bits",
        "run": {"duration_s": 300.0, "warmup_s": 0.0},
        "clients": {"count": 3, "programs": 32, "heartbeat_s": 20.0},
        "workload": {"launch_interval_s": 10.0, "run_time_s": 60.0},
    }
    return [*some(5, 3), validate(full)]


def test_the_jit_does_not_matter():
    code = (
        f"import sys; sys.path[:0] = {[str(path) for path in Path(__file__).parents[:2]]}\n"
        "from test_determinism import for_the_jit, known, simulate\n"
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
        clients = scenario.clients.count
        for shards in (1, 2):  # shares of a larger number would move other clients
            without = histories(with_clients(scenario, count=clients, assignment="random"), shards)
            more = histories(with_clients(scenario, count=clients + 1, assignment="random"), shards)
            assert without[0] == more[0][:clients], f"the history of a client, on {shards} shards"
            assert without[1] == more[1], f"the history of a server, on {shards} shards"
            handled += sum(digest != 0 for digest in without[0])

    drawn.explore(TRACES, check, 40, 0)
    assert handled > 400


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
