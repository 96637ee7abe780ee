"""Nodes that share no disk keep a run in an object store; one that has no access is named before anything runs."""

from collections.abc import Iterator
from typing import Any

import pytest
from meterstorm.actors.shards import storage
from meterstorm.experiments.cli import console
from meterstorm.experiments.scenario import to_toml, validate

from support import object_store
from support.clusters import cluster
from support.command_line import invoke, refused, run_json

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]
SCENARIO = validate({
    "title": "stored",
    "run": {"duration_s": 3000, "replications": 3},
    "network": {"latency_ms": 200},
    "clients": {"count": 60},
})  # fmt: skip
SHARING = ["--workers 2", "--shards 2 --placement strict-spread"]


@pytest.fixture(scope="module")
def stored() -> Iterator[tuple[Any, object_store.Store]]:
    """Two nodes, and a store for which they have the credentials."""
    with pytest.MonkeyPatch.context() as patch, object_store.used(patch) as store, cluster(2) as nodes:
        yield nodes, store


@pytest.mark.parametrize("sharing", SHARING)
def test_a_run_on_a_cluster_keeps_what_is_done_in_a_store(stored, tmp_path, sharing):
    nodes, store = stored
    (tmp_path / "stored.toml").write_text(to_toml(SCENARIO))
    store.objects.clear()
    store.requests.clear()
    where = ["--ray-address", nodes.address, "--checkpoint-every", "0.1s", "--out", store.url("run")]
    found = invoke("run", tmp_path / "stored.toml", *sharing.split(), *where)
    assert found.exit_code == 0, found.output
    expected = run_json(tmp_path / "stored.toml", "--workers", "0", "--out", tmp_path / "out")
    again = run_json(tmp_path / "stored.toml", "--workers", "0", "--out", store.url("run"), "--force")
    assert expected["digest"] == again["digest"] and expected["digest"] in found.output
    put = {key for method, key in store.requests if method == "POST"}
    assert {f"run/checkpoints/done-0-{number}" for number in range(3)} <= put
    assert not any("checkpoints" in name for name in store.under("run"))


@pytest.mark.parametrize("sharing", SHARING)
def test_a_node_without_access_is_named_before_anything_runs(stored, tmp_path, monkeypatch, sharing):
    nodes, store = stored
    (tmp_path / "stored.toml").write_text(to_toml(SCENARIO))
    store.objects.clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "driver")
    monkeypatch.setattr(object_store, "KEY", "driver")  # that of the nodes is no longer known
    storage._file_system.cache_clear()
    where = ["--ray-address", nodes.address, "--checkpoint-every", "0.1s", "--out", store.url("other")]
    result = invoke("run", tmp_path / "stored.toml", *sharing.split(), *where)
    storage._file_system.cache_clear()
    refused(result, console.UNAVAILABLE, ["s3://bucket/other/checkpoints/world-0-0", "AWS Error "])
    assert "node " in result.stderr or "shard " in result.stderr
    assert not any("done-" in name or name.endswith("head") for name in store.under("other"))
