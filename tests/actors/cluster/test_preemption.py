"""A cluster that has lost CPUs for good: a run goes on with those that are left, to the same digest."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from meterstorm.actors.cluster.connection import ClusterError, start_ray
from meterstorm.actors.cluster.placement import PlacementGroup
from meterstorm.actors.cluster.room import PARTS, Room, nodes_with, share_of_cpu
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.reports.summary import summary
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.unfinished import UnfinishedRun
from meterstorm.experiments.scenario import validate
from typer.testing import CliRunner

from support.clusters import NODE, cluster, kill_a_node
from support.processes import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]
SHARDS = 3
SCENARIO = validate({
    "title": "two nodes, then one",
    "run": {"duration_s": 15_000},  # of which a fifth takes longer than a checkpoint
    "network": {"latency_ms": 200, "jitter_ms": 10, "loss": 0.02},
    "clients": {"count": 200},
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 300, "duration_s": 400}],
})  # fmt: skip


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of two nodes of two CPUs: a node less, and three shards have two CPUs."""
    with cluster(2) as made:
        yield made


@pytest.fixture(scope="module")
def digest() -> str:
    """That of a run that nobody disturbs."""
    return str(summary(run.run(SCENARIO, workers=0))["digest"])


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What of a CPU the first shard of each group has that is made."""
    found: list[float] = []
    options = PlacementGroup.options

    def noted(self: PlacementGroup, shard: int) -> dict[str, Any]:
        result = options(self, shard)
        found.extend([result["num_cpus"]] if shard == 0 else [])
        return result

    monkeypatch.setattr(PlacementGroup, "options", noted)
    return found


def settings(nodes: Any) -> Options:
    return Options("two", SHARDS, 0, False, 0.1, nodes.address, "pack", cpu_wait_s=4.0)


def has_nodes(number: int) -> bool:
    import ray

    return len(nodes_with(ray, {})) == number


def test_parts_of_a_cpu_are_no_more_than_a_cpu():
    """As Ray counts them, in ten thousandths: three of 0.3334 would not go into one."""
    for sharing in range(1, 200):
        assert 0 < sharing * round(share_of_cpu(sharing) * PARTS) <= PARTS


def test_a_run_whose_cluster_loses_a_node_for_good_goes_on_with_the_other(nodes, tmp_path, caplog, parts, digest):
    """It says that it waits, and then that it goes on with fewer CPUs."""
    killed: list[float] = []

    def kill(share: float) -> None:
        if share > 0.2 and not killed and list(tmp_path.glob("checkpoints/world-*/*/head")):
            killed.append(share)
            kill_a_node(nodes)

    try:
        with UnfinishedRun.begin(tmp_path, SCENARIO, settings(nodes)) as unfinished:
            results = run.run_as(unfinished.options, SCENARIO, kill, unfinished)
        assert results.failure is None
    finally:
        nodes.add_node(**NODE)
    assert killed and killed[0] < 1
    assert summary(results)["digest"] == digest
    assert parts[0] == 1.0 and parts[-1] == 0.5
    said = [record.getMessage() for record in caplog.records if record.name == "meterstorm"]
    lost, waits, goes_on = (text for text in said if "shards" in text)
    assert "all shards are started again, from the last checkpoint" in lost
    need = "3 shards (pack) need 3 free CPUs, 1.6"
    assert waits.startswith(need) and waits.endswith("; waiting for up to 4 s")
    assert goes_on.startswith(need) and goes_on.endswith("; going on with fewer: up to 2 shards share a CPU")


def test_resume_goes_on_in_a_cluster_with_fewer_cpus(nodes, tmp_path, parts, digest):
    """The run was interrupted in a cluster of two nodes, and the other one has gone meanwhile."""

    def interrupt(share: float) -> None:
        if list(tmp_path.glob("checkpoints/world-*/*/head")):
            raise KeyboardInterrupt

    start_ray(1, nodes.address)
    assert eventually(lambda: has_nodes(2))
    with UnfinishedRun.begin(tmp_path, SCENARIO, settings(nodes)) as unfinished:
        assert run.run_as(unfinished.options, SCENARIO, interrupt, unfinished).interrupted
    assert parts == [1.0] * len(parts)
    nodes.remove_node(next(iter(nodes.worker_nodes)))
    try:
        assert eventually(lambda: has_nodes(1))
        done = CliRunner().invoke(cli.app, ["resume", str(tmp_path), "--json"])
    finally:
        nodes.add_node(**NODE)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["digest"] == digest
    assert parts[-1] == 0.5


def test_neither_what_begins_shares_cpus_nor_shards_with_a_node_each(nodes):
    """With fewer shards it would begin as well; what goes on cannot have fewer."""
    refused = r"^no room in 0.2 s: 5 shards \(pack\) need 5 free CPUs; "
    start_ray(1, nodes.address)
    assert eventually(lambda: has_nodes(2))
    with pytest.raises(ClusterError, match=refused):
        ShardSet(5, nodes.address, Room(cpu_wait_s=0.2))
    apart = Room("strict-spread", cpu_wait_s=0.2)
    with pytest.raises(ClusterError, match=r"need 3 free CPUs on as many nodes"):
        ShardSet(SHARDS, nodes.address, apart, goes_on=True)
    with pytest.raises(ValueError, match=r"^cpu_wait_s must be more than 0, and finite: 0$"):
        ShardSet(SHARDS, nodes.address, Room(cpu_wait_s=0), goes_on=True)


def test_four_shards_on_a_cpu(nodes, parts):
    """All other CPUs are held by somebody else."""
    import ray

    start_ray(1, nodes.address)
    assert eventually(lambda: has_nodes(2))
    held = ray.util.placement_group([{"CPU": 1}] * SHARDS)
    try:
        assert held.wait(60)
        with ShardSet(4, nodes.address, Room(cpu_wait_s=0.2), goes_on=True) as shard_set:
            assert len(shard_set.addresses) == 4
        assert parts[-1] == 0.25
    finally:
        ray.util.remove_placement_group(held)
