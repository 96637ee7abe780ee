"""What shards and workers ask of Ray: names, memory, and nodes that have something that others have not."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from meterstorm.actors.cluster.connection import ClusterError, start_ray
from meterstorm.actors.cluster.placement import PlacementGroup
from meterstorm.actors.cluster.room import Room, fitted, nodes_with, parse_resource
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.cluster.workers import spread
from meterstorm.actors.setup.memory import shards_bytes
from meterstorm.experiments.cli.console import WRONG_INPUT
from meterstorm.experiments.reports.summary import summary
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import to_toml, validate

from support.clusters import NODE, cluster
from support.command_line import invoke
from support.processes import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]
GB = 10**9
FAST = Room(resources={"fast": 1})
SCENARIO = validate({
    "title": "on some nodes",
    "run": {"duration_s": 600, "warmup_s": 0},
    "network": {"latency_ms": 50},
    "clients": {"count": 20},
})  # fmt: skip


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of two nodes of two CPUs and of 2 GB for Ray's processes; only one of them is fast."""
    with cluster(1, memory=2 * GB) as made:
        made.add_node(**NODE | {"memory": 2 * GB, "resources": {"fast": 2}})
        ray = start_ray(1, made.address)
        assert eventually(lambda: len(nodes_with(ray, {})) == 2)
        yield made


def fast(nodes: Any) -> str:
    return str(next(iter(nodes.worker_nodes)).node_id)


def node_of() -> Callable[[int], tuple[str, str]]:
    """A function that travels whole: workers cannot import tests."""

    def work(job: int) -> tuple[str, str]:
        import ray

        context = ray.get_runtime_context()
        return context.get_node_id(), context.get_actor_name()

    return work


def test_shards_and_their_group_have_names_of_their_start(nodes):
    import ray

    names = []
    for _ in range(2):  # one right after the other
        with ShardSet(2, nodes.address):
            actors = ray.util.list_named_actors()
            groups = [found["name"] for found in ray.util.placement_group_table().values()]
        start = actors[0].rpartition("-shard-")[0]
        assert re.fullmatch("meterstorm-[0-9a-f]{8}", start) and start in groups
        assert sorted(actors) == [f"{start}-shard-0", f"{start}-shard-1"]
        names.append(start)
        assert eventually(lambda: not ray.util.list_named_actors())
    assert len({*names}) == 2


def test_workers_run_where_there_is_what_they_ask_for_and_have_names(nodes):
    """Nowhere else, though there are free CPUs."""
    found = [answer for *_, answer in spread(node_of(), [(k,) for k in range(12)], 4, nodes.address, room=FAST)]
    assert len(found) == 12 and {node for node, _ in found} == {fast(nodes)}
    (start,) = {name.rpartition("-worker-")[0] for _, name in found}
    assert re.fullmatch("meterstorm-[0-9a-f]{8}", start)


def test_shards_run_where_there_is_what_they_ask_for(nodes):
    """`spread` would have given each a node."""
    with ShardSet(2, nodes.address, FAST._replace(placement="spread")) as shard_set:
        assert {address["node"] for address in shard_set.addresses} == {fast(nodes)}


def test_shards_that_do_not_fit_one_node_are_on_two(nodes):
    """`pack` would have put them on one; 1.2 of its 2 GB are left no room for another."""
    with ShardSet(2, nodes.address, Room(memory=(12 * GB // 10,) * 2)) as shard_set:
        assert len({address["node"] for address in shard_set.addresses}) == 2


def test_a_world_that_no_node_can_hold_is_refused_before_it_begins(nodes):
    """Both figures are named, of shards and of workers; so is what no node has."""
    huge = validate({**SCENARIO.model_dump(exclude_defaults=True), "clients": {"count": 40_000_000}})
    says = r" GB of memory, and the largest node of the cluster that may run it has 2 GB for all"
    with pytest.raises(ClusterError, match=r"^a world of this run takes more than \d\.\d+" + says):
        run.run(huge, workers=2, ray_address=nodes.address)
    with pytest.raises(ClusterError, match=r"^a shard of this world takes more than \d\.\d+" + says):
        run.run(huge, shards=2, ray_address=nodes.address)
    for options in ({"shards": 2, "cpu_wait_s": 0.2}, {"workers": 2}):
        with pytest.raises(ClusterError, match=r"^the cluster has no node with a CPU, fast=3$"):
            run.run(SCENARIO, ray_address=nodes.address, ray_resources={"fast": 3}, **options)


def test_what_may_not_fit_asks_for_all_that_the_largest_node_has(nodes, caplog):
    """And says so: what it may take is more than it mostly does."""
    import ray

    asked = Room(memory=(GB, 5 * GB), least=GB)
    assert fitted(ray, asked, "a shard").memory == (GB, 2 * GB)
    (said,) = (record.getMessage() for record in caplog.records if record.name == "meterstorm")
    assert said.startswith("a shard may take up to 5 GB of memory, and the largest node of the cluster")
    fits = Room(memory=(GB, 2 * GB), least=GB)
    assert fitted(ray, fits, "a shard") is fits


def test_what_is_free_is_said_of_all_that_is_asked_for(nodes):
    """Three times a GB go into two nodes of 2 GB, if not with a CPU each that is fast."""
    import ray

    room = Room(cpu_wait_s=0.2, resources={"fast": 1}, memory=(GB, GB // 2, GB))
    says = (
        r"^no room in 0.2 s: 3 shards \(pack\) need 3 free CPUs, 2.5 GB of memory, fast=3; "
        r"the cluster has 2 nodes with 4 CPUs in all, 4 of them free, 4 GB of memory, fast=2$"
    )
    assert eventually(lambda: ray.available_resources().get("memory") == 4 * GB)
    with pytest.raises(ClusterError, match=says):
        ShardSet(3, nodes.address, room)


def test_a_run_on_the_fast_node_gives_the_digest_of_this_process(nodes, tmp_path, monkeypatch):
    """By the command, which says that once; with as much memory as the project itself asks for."""
    found, options = [], PlacementGroup.options

    def noted(self: PlacementGroup, shard: int) -> dict[str, Any]:
        found.append(options(self, shard))
        return found[-1]

    monkeypatch.setattr(PlacementGroup, "options", noted)
    (tmp_path / "fast.toml").write_text(to_toml(SCENARIO))
    where = ["--ray-address", nodes.address, "--ray-resources", "fast=0.5", "--shards", "2", "--json"]
    done = invoke("run", tmp_path / "fast.toml", "--out", tmp_path / "out", *where)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["digest"] == summary(run.run(SCENARIO, workers=0))["digest"]
    assert [one["resources"] for one in found] == [{"fast": 0.5}] * 2
    assert [one["memory"] for one in found] == shards_bytes(SCENARIO, 2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--ray-resources", "fast=1"], "--ray-resources fast=1: only in a cluster; it needs --ray-address"),
        (["--cpu-wait", "5m"], "--cpu-wait 5m: only in a cluster; it needs --ray-address"),
        (
            ["--ray-address", "auto", "--cpu-wait", "5m"],
            "--cpu-wait 5m: only for shards; here each world is run whole (shards = 1)",
        ),
        (
            ["--ray-address", "auto", "--placement", "spread"],
            "--placement spread: only for shards; here each world is run whole (shards = 1)",
        ),
        (["--ray-address", "auto", "--ray-resources", "CPU=1"], "--ray-resources: 'CPU' is not allowed"),
        (["--ray-address", "auto", *2 * ["--ray-resources", "a=1"]], "--ray-resources a=1: a is given twice"),
    ],
)
def test_what_cannot_be_asked_for_is_wrong_input(options, says):
    done = invoke("run", "q226827", *options)
    assert done.exit_code == WRONG_INPUT and says in " ".join(done.stderr.split()), done.output


def test_a_resource_of_no_cluster_is_refused():
    with pytest.raises(
        ValueError, match=r"^ray_resources=\{'fast': 1\}: only in a cluster; it needs ray_address$"
    ):
        run.run(SCENARIO, shards=2, ray_resources={"fast": 1})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fast", "'fast' is not allowed; it must be NAME=AMOUNT, as fast=1"),
        ("=1", "'' is not allowed; it must be a custom resource, and none of CPU, GPU, memory"),
        ("CPU=1", "'CPU' is not allowed"),
        ("fast=0", "fast=0: must be from 0.0001 to 1, or a whole number"),
        ("fast=nan", "fast=nan: must be"),
        ("fast=inf", "fast=inf: must be"),
        ("fast=1.5", "fast=1.5: must be"),
    ],
)
def test_what_is_no_resource_is_refused(text, says):
    with pytest.raises(ValueError) as raised:
        parse_resource(text)
    assert says in str(raised.value)
    assert parse_resource("a=b=0.5") == ("a=b", 0.5)
