"""The same scenario and seed give the same run: whatever the shards, the bucket width, and with the JIT off."""

import json
import math
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors import build
from meterstorm.actors.cluster import ShardHost
from meterstorm.actors.shard import Shard, Tally, merge, simulate
from meterstorm.experiments.metrics import metrics
from meterstorm.experiments.scenario import validate

FAILOVERS: list[dict[str, Any]] = [
    {"name": "retry-then-failover", "retries": 1.0, "delay_s": 20.0},
    {"name": "full-jitter", "retries": 3.0},
    {"name": "sms2-documented", "delay_s": 60.0, "offline_s": 300.0, "jitter": 0.5},
    {"name": "immediate"},
    {"name": "retry-then-give-up"},
]


def drawn(number: int, clients: int = 20, duration_s: float = 3600.0) -> dict[str, Any]:
    """A varied small scenario."""
    pick = random.Random(number)
    kind = pick.choice(["unreachable", "crash", "slow", "loss", "cut"])
    extra = {"slow": {"factor": 20.0}, "loss": {"probability": 0.5}, "cut": {"clients": [0, clients // 2]}}
    outage = {"kind": kind, "servers": [0], "start_s": 900.0, "duration_s": 600.0, **extra.get(kind, {})}
    return {
        "title": f"drawn {number}",
        "run": {"duration_s": duration_s, "warmup_s": 300.0, "seed": number},
        "network": {
            "latency_ms": pick.choice([2.0, 50.0]),
            "jitter_ms": pick.choice([0.0, 20.0]),
            "loss": pick.choice([0.0, 0.05]),
        },
        "servers": {
            "count": pick.randint(2, 3),
            "service_ms": pick.choice([0.0, 200.0]),
            "service": pick.choice(["constant", "exponential"]),
            "durable": pick.random() < 0.5,
            "reclaim_after_s": 1200.0,
            "scan_s": 600.0,
        },
        "products": [{"name": "a", "licenses": clients // 2}, {"name": "b", "licenses": clients // 5}],
        "clients": {
            "count": clients,
            "programs": pick.randint(1, 3),
            "heartbeat_s": 600.0,
            "heartbeat_names_leases": pick.random() < 0.5,
            "on_denial": pick.choice(["give-up", "retry", "callback"]),
            "release_old": pick.choice(["lost", "deferred"]),
            "enforcement": pick.choice(["after-start", "before-start"]),
        },
        "workload": {
            "arrivals": pick.choice(["closed", "open"]),
            "launch_interval_s": 600.0,
            "run_time_s": 300.0,
            "run_time": pick.choice(["exponential", "lognormal", "gamma"]),
        },
        "policies": {
            "failover": pick.choice(FAILOVERS),
            "selection": {"name": pick.choice(["ring", "sticky-random"])},
            "balancing": pick.choice([{"name": "periodic-demand", "interval_s": 700.0}, {"name": "shared-pool"}]),
        },
        "faults": [outage],
    }


def known(tally: Tally, scenario: Any) -> dict[str, Any]:
    """Digest, events and all metrics."""
    return {"digest": tally.digest, "events": tally.events, **metrics(scenario, tally)}


def in_shards(scenario: Any, shards: int, keep_journal: bool = False) -> Tally:
    """One replication on several shards, each in a thread of its own."""
    hosts = [ShardHost(shard, shards, b"a key of thirty-two bytes, or so") for shard in range(shards)]

    def whole(host: ShardHost) -> Tally:
        host.connect(addresses)
        host.begin(scenario, 0, keep_journal)
        while not host.run(0.5)[1]:
            pass
        return host.tally()

    try:
        addresses = [host.listen() for host in hosts]
        with ThreadPoolExecutor(shards) as pool:
            return merge(list(pool.map(whole, hosts)))
    finally:
        for host in hosts:
            host.mesh.close()


@pytest.mark.parametrize("number", range(3))
def test_once_more_is_the_same(number: int):
    scenario = validate(drawn(number))
    assert known(simulate(scenario), scenario) == known(simulate(scenario), scenario)


def test_seed_and_replication_matter():
    one, other = validate(drawn(1)), validate(drawn(1) | {"run": drawn(1)["run"] | {"seed": 2}})
    assert len({simulate(one).digest, simulate(one, 1).digest, simulate(other).digest}) == 3


@pytest.mark.parametrize("shards", [2, 3])
@pytest.mark.parametrize("number", range(12))
def test_shards_do_not_matter(number: int, shards: int):
    scenario = validate(drawn(number, clients=60))
    alone, together = known(simulate(scenario), scenario), known(in_shards(scenario, shards), scenario)
    for name, value in alone.items():
        close = isinstance(value, float) and math.isclose(value, together[name], rel_tol=1e-12)
        assert together[name] == value or close, name


@pytest.mark.parametrize("shift", [10, 18, 26, 40])
def test_the_bucket_width_does_not_matter(shift: int, monkeypatch: pytest.MonkeyPatch):
    scenarios = [validate(drawn(number)) for number in range(4)]
    before = [known(simulate(scenario), scenario) for scenario in scenarios]
    monkeypatch.setattr(build, "_shift", lambda *_: shift)
    assert [known(simulate(scenario), scenario) for scenario in scenarios] == before


def test_the_jit_does_not_matter():
    numbers = list(range(20, 26))
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_determinism import drawn, known, simulate, validate\n"
        "import json\n"
        f"made = [validate(drawn(n)) for n in {numbers}]\n"
        "print(json.dumps([known(simulate(s), s) for s in made]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scenarios = [validate(drawn(n)) for n in numbers]
    assert json.loads(done.stdout) == [known(simulate(s), s) for s in scenarios]


@pytest.mark.parametrize(
    "network",
    [
        {"jitter_ms": 0.0, "loss": 0.0},
        {"jitter_ms": 20.0, "loss": 0.05},
    ],
)
def test_an_idle_client_changes_nothing_for_the_others(network: dict[str, Any], tmp_path: Path):
    """Digests are left out: the numbers of the servers, which follow the clients', are part of them."""
    pick = random.Random(5)
    rows = [(pick.uniform(0, 3000), c, pick.expovariate(1 / 300)) for c in range(20) for _ in range(5)]
    trace = tmp_path / "trace.csv"
    trace.write_text("time_s,client,run_time_s\n" + "".join(f"{t},{c},{run}\n" for t, c, run in rows))
    found = []
    for clients in (20, 21):
        raw = drawn(4)
        raw["clients"]["count"] = clients
        raw["workload"] = {"arrivals": "trace", "trace": str(trace)}
        raw["products"] = [{"licenses": 12}]
        raw["policies"]["balancing"] = {"name": "static"}
        raw["network"] |= network
        shard = Shard(validate(raw))
        shard.run(shard.end)
        shard.check()
        found.append([shard.world.clients[name][:20].tolist() for name in ("serial", "attempt", "server")])
    assert found[0] == found[1]
