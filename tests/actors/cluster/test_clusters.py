"""Clusters of three nodes: worlds on them give the digest of one process; what is wrong is said in one line."""

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from meterstorm.actors.cluster.connection import ClusterError, start_ray
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.room import Room, nodes_with
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.cluster.workers import spread
from meterstorm.actors.shards.checkpoints import Checkpoints
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.reports.summary import summary
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.runs.unfinished import UnfinishedRun
from meterstorm.experiments.scenario import load, to_toml, validate
from typer.testing import CliRunner

from support.clusters import NODE, cluster, kill_a_node
from support.processes import PATIENCE_S, eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]
ROOT = Path(__file__).parents[3]
CPUS = 6
SCENARIO = validate({
    "title": "three nodes",
    "run": {"duration_s": 1800, "warmup_s": 300, "replications": 2},
    "network": {"latency_ms": 20, "jitter_ms": 10, "loss": 0.02},
    "clients": {"count": 60},
    "faults": [{"kind": "unreachable", "servers": [0], "start_s": 300, "duration_s": 400}],
})  # fmt: skip
LONGER = validate({
    **SCENARIO.model_dump(exclude_defaults=True),
    "run": {"duration_s": 6000},
    "network": {"latency_ms": 200, "jitter_ms": 10, "loss": 0.02},
    "clients": {"count": 600},
})  # fmt: skip


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A Ray cluster of three nodes of two CPUs each on loopback, which `auto` finds as well."""
    with cluster(3) as made:
        yield made


def families(shard_set: ShardSet) -> list[set[int]]:
    """What kinds of sockets each shard has to its peers."""
    look = [
        host.__ray_call__.remote(lambda self: {int(peer.sock.family) for peer in self.mesh._peers})
        for host in shard_set.hosts
    ]
    return shard_set.ray.get(look, timeout=PATIENCE_S)


def all_free() -> bool:
    import ray

    return ray.available_resources().get("CPU") == CPUS


@pytest.mark.parametrize(
    ("strategy", "shards", "spans", "family"),
    [("pack", 2, 1, socket.AF_UNIX), ("spread", 3, 3, socket.AF_INET)],
)
def test_shards_on_nodes_give_the_digest_of_one_process(strategy, shards, spans, family, nodes):
    """Shards talk by TCP from node to node and over Unix sockets on one."""
    alone = simulate(SCENARIO)
    with ShardSet(shards, nodes.address, Room(strategy)) as shard_set:
        assert len({address["node"] for address in shard_set.addresses}) == spans
        assert families(shard_set) == [{family}] * shards
        assert shard_set.simulate(SCENARIO, 0).digest == alone.digest
    assert eventually(all_free)  # the cluster is as it was
    assert len(nodes_with(shard_set.ray, {})) == 3


def test_workers_take_all_cpus_of_the_cluster(nodes, tmp_path):
    """Each job waits until as many run at once as the cluster has CPUs."""

    def meet(k: int) -> str:
        from pathlib import Path

        import ray

        (Path(folder) / str(k)).touch()
        while len(list(Path(folder).iterdir())) < CPUS:
            time.sleep(0.05)
        return ray.get_runtime_context().get_node_id()

    folder = str(tmp_path)
    met = {k: node for k, _, node in spread(meet, [(k,) for k in range(CPUS)], None, "auto")}
    assert len(met) == CPUS and len(set(met.values())) == 3


def test_a_run_on_the_cluster_gives_the_results_of_this_process(nodes):
    here = run.run(SCENARIO, workers=0)
    there = run.run(SCENARIO, ray_address="auto")
    digests = [[row.digest for row in results.versions[0].replications] for results in (here, there)]
    assert digests[0] == digests[1] and len(digests[0]) == 2


@pytest.mark.parametrize(
    ("strategy", "shards", "words"),
    [
        (
            "pack",
            7,
            "7 shards (pack) need 7 free CPUs; the cluster has 3 nodes with 6 CPUs in all, 6 of them free",
        ),
        (
            "strict-spread",
            4,
            "4 shards (strict-spread) need 4 free CPUs on as many nodes; the cluster has 3 nodes",
        ),
    ],
)
def test_too_little_room_is_said_and_nothing_stays_reserved(strategy, shards, words, nodes):
    start_ray(1, nodes.address)
    assert eventually(all_free)
    with pytest.raises(ClusterError) as raised:
        ShardSet(shards, nodes.address, Room(strategy, cpu_wait_s=0.6))
    assert words in str(raised.value)
    assert all_free()


def test_impossible_arguments(nodes):
    with pytest.raises(ValueError, match="placement must be one of pack, spread, strict-spread: 'heap'"):
        ShardSet(2, nodes.address, Room("heap"))
    with pytest.raises(ValueError, match="auto: nothing would run there"):
        run.run(SCENARIO, workers=0, ray_address="auto")


def test_without_an_address_no_cluster_is_joined(nodes, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    ray = start_ray(1)
    assert ray.get_runtime_context().gcs_address != nodes.address
    assert [node["Resources"]["CPU"] for node in ray.nodes()] == [1.0]
    start_ray(1, nodes.address)
    assert len(ray.nodes()) >= 3


def test_the_entry_point_of_the_kubernetes_job(nodes, tmp_path, monkeypatch):
    """It finds the cluster, spreads two shards over nodes, and gives the digest of one process."""
    job = yaml.safe_load((ROOT / "experiments/deploy/rayjob.yaml").read_text())
    entry = shlex.split(job["spec"]["entrypoint"])
    assert entry[0] == "meterstorm"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    done = CliRunner().invoke(cli.app, entry[1:])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    scenario = load(entry[2], {"run.replications": 1})
    assert (found["shards"], found["digest"]) == (2, summary(run.run(scenario, workers=0))["digest"])


def test_resume_goes_on_in_the_cluster_of_the_run(nodes, tmp_path, monkeypatch):
    """Its driver is killed; what held the cluster's CPUs goes with it. Only the folder has the address."""
    spans, simulate_on = [], ShardSet.simulate

    def noted(self: ShardSet, *arguments: Any, **options: Any) -> Any:
        spans.append(len({address["node"] for address in self.addresses}))
        return simulate_on(self, *arguments, **options)

    file, out = tmp_path / "longer.toml", tmp_path / "out"
    file.write_text(to_toml(LONGER))
    where = ["--shards", "3", "--ray-address", nodes.address, "--placement", "spread"]
    code = "from meterstorm.experiments.cli.main import main; main()"
    driver = subprocess.Popen(
        [sys.executable, "-c", code, "run", file, *where, "--checkpoint-every", "0.1s", "--out", out],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        written = eventually(lambda: list(out.glob("checkpoints/world-*/*/head")) or driver.poll() is not None)
        assert written and driver.poll() is None
    finally:
        driver.kill()
        output, _ = driver.communicate(timeout=PATIENCE_S)
    assert not (out / "summary.json").exists(), output
    start_ray(1, nodes.address)
    assert eventually(all_free)

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ShardSet, "simulate", noted)
    done = CliRunner().invoke(cli.app, ["resume", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert spans == [3]
    assert json.loads(done.stdout)["digest"] == summary(run.run(LONGER, workers=0))["digest"]


def test_a_killed_node_costs_no_more_than_what_came_after_the_last_checkpoint(nodes, tmp_path, monkeypatch):
    """The shards go on from there on the two nodes that are left, by themselves and to the same digest."""
    restored, restore = [], Checkpoints.restore
    killed = []

    def noted(self: Checkpoints, load_parts: Any) -> Any:
        result = restore(self, load_parts)
        restored.append(result is not None)
        return result

    def kill(share: float) -> None:
        if share > 0.3 and not killed and list(tmp_path.glob("checkpoints/world-*/*/head")):
            killed.append(share)
            kill_a_node(nodes)

    monkeypatch.setattr(Checkpoints, "restore", noted)
    settings = Options("longer", 3, 0, False, 0.1, nodes.address, "spread")
    try:
        with UnfinishedRun.begin(tmp_path, LONGER, settings) as unfinished:
            results = run.run(
                LONGER, shards=3, ray_address=nodes.address, placement="spread", on_progress=kill,
                unfinished=unfinished,
            )  # fmt: skip
        ray = start_ray(1, nodes.address)
        assert eventually(lambda: len(nodes_with(ray, {})) == 2)  # Ray takes its time to notice
    finally:
        nodes.add_node(**NODE)
    assert killed and killed[0] < 1
    assert restored[0] is False and restored[-1] is True
    assert summary(results)["digest"] == summary(run.run(LONGER, workers=0))["digest"]
    assert eventually(all_free)


def test_a_lost_node_is_said_at_once(nodes):
    """Last in this file: a node dies while the shards run."""
    long = validate({**SCENARIO.model_dump(exclude_defaults=True), "run": {"duration_s": 1e8, "sample_s": 1e8}})
    died = []

    def kill(share: float) -> None:
        if not died:
            died.append(share)
            nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

    lost = pytest.raises(ShardLost, match=r"^shard \d \(127.0.0.1:\d+, [^\n]*$")
    with ShardSet(3, nodes.address, Room("strict-spread")) as shard_set, lost:
        shard_set.simulate(long, 0, kill)
