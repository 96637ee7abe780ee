"""What a world on a cluster says of itself as metrics of Ray: read back at the node, and never in a run's way."""

import importlib.util
import sys
import urllib.request
from typing import Any

import pytest
from meterstorm.actors.cluster import gauges, shard_set
from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.cluster.gauges import GAUGES, TAGS, Gauges
from meterstorm.actors.cluster.host import ShardHost
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.cluster.workers import spread
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.results import Results, VersionResult
from meterstorm.experiments.scenario import validate, versions

from support.processes import eventually

SCENARIO = validate({
    "title": "two servers, one of them away",
    "run": {"duration_s": 1800, "warmup_s": 300},
    "network": {"latency_ms": 20, "jitter_ms": 10},
    "servers": {"count": 2},
    "products": [{"licenses": 20}],
    "clients": {"count": 60},
    "workload": {"launch_interval_s": 60, "run_time_s": 120},
    "policies": {"failover": {"name": "immediate"}},
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 1500, "duration_s": 1000}],
})  # fmt: skip
WORLD = {"scenario": "two", "case": "", "arm": "at once", "replication": "0"}
CAUSES = ("misplaced", "stranded", "ghost", "exhausted", "capped", "reserved")


class Recorder:
    """A Ray gauge that keeps what it was set to, by the values of its tags."""

    values: dict[tuple[str, ...], float]

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        self.name, self.keys, self.default = name, tag_keys, dict[str, str]()

    def set_default_tags(self, tags: dict[str, str]) -> None:
        self.default = tags

    def set(self, value: float, tags: dict[str, str] | None = None) -> None:
        said = self.default | (tags or {})
        assert set(said) == set(self.keys)
        self.values[self.name, *(said[key] for key in self.keys)] = value


@pytest.fixture
def recorded(monkeypatch):
    metrics = pytest.importorskip("ray.util.metrics")
    monkeypatch.setattr(metrics, "Gauge", Recorder)
    monkeypatch.setattr(gauges, "PERIOD_S", 0.0)
    monkeypatch.setattr(Recorder, "values", {}, raising=False)
    return Recorder.values


def expected(tally: Any) -> dict[str, float]:
    """What a whole world's gauges are at its end, by name and own tag."""
    total = tally.series.sum(axis=0)
    names = ("MISPLACED", "STRANDED", "GHOST", "EXHAUSTED", "CAPPED", "KEPT")
    columns = [getattr(counters, name) for name in names]
    links = ["preferred", "away", "retrying", "searching", "offline", "down"]
    return {
        "attempts": total[counters.ATTEMPTS],
        "events": tally.events,
        "waiting_users": tally.control["waiting"][0],
        **{f"denials {cause}": total[column] for cause, column in zip(CAUSES, columns, strict=True)},
        **{f"clients {link}": tally.series[-1, counters.AT_PREFERRED + n] for n, link in enumerate(links)},
        **{f"queue {server}": row["waiting"] for server, row in enumerate(tally.servers)},
        **{f"leases {server}": row["leased"] for server, row in enumerate(tally.pools)},
    }


def test_gauges_are_in_the_end_what_was_counted(recorded):
    tally = simulate(SCENARIO, watch=Gauges(WORLD).watch)
    found = {" ".join((key[0].removeprefix("meterstorm_"), *key[6:])): value for key, value in recorded.items()}
    assert {key[1:6] for key in recorded} == {(*(WORLD[tag] for tag in TAGS[:4]), "0")}
    assert expected(tally).items() <= found.items()
    assert found.keys() - expected(tally) == {"simulated_s", "events_per_s"}
    assert 1790 < found["simulated_s"] <= 1800
    assert tally.digest == simulate(SCENARIO).digest


def test_once_set_they_are_set_at_the_end_too(recorded, monkeypatch):
    shard, watched = Shard(SCENARIO), Gauges(WORLD)
    attempts = "meterstorm_attempts", *WORLD.values(), "0"
    found = []
    for part in (0.5, 0.8, 1.0):
        shard.run(int(shard.end * part))
        watched.watch(shard)
        found.append(recorded[attempts])
        monkeypatch.setattr(gauges, "PERIOD_S", 1e9)
    total = shard.tally().series[:, counters.ATTEMPTS].sum()
    assert 0 < found[0] < found[1] < found[2] == total


def test_a_world_of_a_blink_sets_none(recorded, monkeypatch):
    monkeypatch.setattr(gauges, "PERIOD_S", 1e9)
    simulate(SCENARIO, watch=Gauges(WORLD).watch)
    assert not recorded


def test_gauges_are_set_once_in_a_period(recorded, monkeypatch):
    """Looks come every 0.1 s for 20 s: only one in ten sets them."""
    now, moments = [0.0], set()
    monkeypatch.setattr(gauges.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(gauges, "PERIOD_S", 1.0)
    monkeypatch.setattr(Recorder, "set", lambda *_: moments.add(now[0]))
    shard, watched = Shard(SCENARIO), Gauges(WORLD)
    for look in range(200):
        now[0] = look / 10
        watched.watch(shard)
    assert len(moments) == 19


def test_only_a_cluster_has_gauges():
    """A world on a Ray of one's own has no tags, and so no gauges."""
    (version,) = versions(SCENARIO)
    results = Results(SCENARIO, 1, [VersionResult(version)])
    (alone,) = run._jobs(results, Options(workers=2))
    (joined,) = run._jobs(results, Options(ray_address="127.0.0.1:6379"))
    assert alone.tags is None
    assert joined.tags == {"scenario": SCENARIO.title, "case": "", "arm": "", "replication": "0"}


def test_without_tags_there_are_none(recorded):
    simulate(SCENARIO, watch=Gauges(None).watch)
    assert not recorded


def test_a_ray_that_takes_no_metrics_does_not_end_a_run(recorded, monkeypatch, caplog):
    def refuse(*_: object) -> None:
        raise RuntimeError("no such metric")

    monkeypatch.setattr(Recorder, "set", refuse)
    watched = Gauges(WORLD)
    assert simulate(SCENARIO, watch=watched.watch).digest == simulate(SCENARIO).digest
    assert [record.getMessage() for record in caplog.records] == [
        "no more metrics for Ray's dashboard: no such metric"
    ]


# On a Ray that exports them.

EXPORTED = pytest.mark.skipif(
    importlib.util.find_spec("prometheus_client") is None,
    reason="metrics are exported with the extra dashboard only: pip install -e '.[dashboard]'",
)


class Eager(ShardHost):
    """A shard's host that sets its gauges at every call."""

    def __init__(self, *arguments: Any) -> None:
        gauges.PERIOD_S = 0.0
        super().__init__(*arguments)


def on_a_worker(*arguments: Any) -> Any:
    """One replication on a Ray worker that sets its gauges after every slice."""
    gauges.PERIOD_S = 0.0
    return run.run_on_worker(*arguments)


@pytest.fixture(scope="module")
def port(temporary):
    """The port at which the one node of a Ray for this file exports what it has been told."""
    import ray as module
    from meterstorm.actors.cluster import connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_metrics_report_interval_ms", "500")
        patch.setattr(shard_set, "ShardHost", Eager)
        ray = start_ray(3)
        module.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
        yield ray.nodes()[0]["MetricsExportPort"]
        ray.shutdown()
        connection._connected_to = None


def exported(port: int, world: dict[str, str]) -> dict[str, float]:
    """What the node exports of a world now, by name and own tag, its shards added up."""
    from prometheus_client.parser import text_string_to_metric_families

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("ray_meterstorm_")
            if name in GAUGES and {tag: sample.labels[tag] for tag in world} == world:
                own = GAUGES[name][1]
                key = f"{name} {sample.labels[own]}" if own else name
                found[key] = found.get(key, 0.0) + sample.value
    return found


def reaches(port: int, world: dict[str, str], tally: Any) -> bool:
    wanted = expected(tally)
    return eventually(lambda: wanted.items() <= exported(port, world).items(), 120.0, 0.5)


@EXPORTED
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_node_exports_what_a_world_on_a_worker_has_come_to(port):
    tally = simulate(SCENARIO)
    world = WORLD | {"arm": "on a worker"}
    ((_, _, row),) = spread(on_a_worker, [(SCENARIO, 0, False, None, world)], 1)
    assert row.digest == tally.digest
    assert reaches(port, world, tally), exported(port, world)


@EXPORTED
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_node_exports_what_the_shards_of_a_world_add_up_to(port):
    world = WORLD | {"arm": "on shards"}
    with ShardSet(2) as shards:
        tally = shards.simulate(SCENARIO, 0, tags=world)
        assert reaches(port, world, tally), exported(port, world)
