"""Nodes whose code or files differ are noticed, at the start and later, and named."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from meterstorm.actors.cluster.placement import located
from meterstorm.actors.cluster.room import Room
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.cluster.workers import spread
from meterstorm.actors.setup.origin import CODE, OriginError, check
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import validate

from support.clusters import NODE, cluster, other_code

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

RAW: dict[str, Any] = {
    "title": "two nodes",
    "run": {"duration_s": 600, "warmup_s": 0, "replications": 2},
    "network": {"latency_ms": 50},
    "clients": {"count": 20},
    "faults": [{"kind": "unreachable", "servers": "all", "start_s": 100, "duration_s": 200}],
}
OWN = """
from typing import NamedTuple
from meterstorm.policies import retry

class Own(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(7.0)
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of two nodes."""
    with cluster(2) as made:
        yield made


def named(node: Any, fact: str = "sources") -> str:
    return rf"^node 127\.0\.0\.1 \({node.node_id[:12]}\) has {fact} \w+; this run has {fact} \w+; they must be"


@pytest.mark.parametrize("module", ["actors/state/kinds.py", "experiments/metrics/metrics.py"])
def test_a_node_with_other_code_is_named(nodes, tmp_path, module):
    """Of whichever room. Workers may come to any node; so may shards, where each has its own."""
    other = nodes.add_node(env_vars=other_code(tmp_path, module), **NODE)
    try:
        with pytest.raises(OriginError, match=named(other)):
            ShardSet(3, nodes.address, Room("strict-spread"))
        with pytest.raises(OriginError, match=named(other)):
            list(spread(lambda: 0, [()], None, nodes.address))
    finally:
        nodes.remove_node(other)


def test_a_node_with_other_code_that_joins_later_is_named(nodes, tmp_path):
    """Its first result is not taken."""

    def work() -> None:
        time.sleep(1)

    joined: list[Any] = []
    try:
        with pytest.raises(OriginError) as raised:
            for _ in spread(work, [()] * 1000, None, nodes.address):
                if not joined:
                    code = other_code(tmp_path, "experiments/metrics/metrics.py")
                    joined.append(nodes.add_node(env_vars=code, **NODE))
        assert re.search(named(joined[0]), str(raised.value))
    finally:
        for node in joined:
            nodes.remove_node(node)


def test_a_node_without_this_package_is_named(nodes, tmp_path):
    """What is run there comes with its call, a function of the package included."""
    import ray

    (tmp_path / "meterstorm").mkdir()
    (tmp_path / "meterstorm" / "__init__.py").write_text("raise ImportError('not there')")
    node = nodes.add_node(env_vars={"PYTHONPATH": str(tmp_path)}, **NODE)
    affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    try:
        named, code, result, _ = ray.get(
            ray.remote(located(validate)).options(scheduling_strategy=affinity).remote(RAW)
        )
    finally:
        nodes.remove_node(node)
    assert re.fullmatch(rf"node 127\.0\.0\.1 \({node.node_id[:12]}\)", named) and result is None
    with pytest.raises(OriginError, match=r"^the node has meterstorm not installed as here"):
        check(code, CODE, "the node")


def test_a_policy_travels_to_shards_and_workers(nodes, tmp_path):
    """They do not have its file."""
    file = tmp_path / "own.py"
    file.write_text(OWN)
    scenario = validate({**RAW, "policies": {"failover": {"name": f"{file}:Own"}}})
    file.unlink()
    expected = [simulate(scenario, k).digest for k in range(2)]
    for options in ({"shards": 3}, {"workers": 2}):
        results = run.run(scenario, ray_address=nodes.address, **options)
        assert [row.digest for row in results.versions[0].replications] == expected


@pytest.mark.parametrize(
    ("options", "whose"), [({"shards": 2}, "its shards"), ({"workers": 2}, r"node 127\.0\.0\.1 \(\w+\)")]
)
def test_a_trace_that_is_another_elsewhere_is_noticed(nodes, tmp_path, monkeypatch, options, whose):
    """It changes between the run's beginning and the first look of a shard or a worker at it."""
    trace, run_left = tmp_path / "trace.csv", run._run_left
    trace.write_text("time_s,client,run_time_s\n10,0,5\n")
    scenario = validate({**RAW, "workload": {"arrivals": "trace", "trace": str(trace)}})

    def change_and_run(*arguments: Any) -> None:
        trace.write_text("time_s,client,run_time_s\n10,0,6\n")
        run_left(*arguments)

    monkeypatch.setattr(run, "_run_left", change_and_run)
    with pytest.raises(OriginError, match=rf"^{whose} has {re.escape(str(trace))} \w+; this run has"):
        run.run(scenario, ray_address=nodes.address, **options)
