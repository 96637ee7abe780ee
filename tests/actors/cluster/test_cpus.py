"""CPUs that a process may use: of its machine, those it is bound to, and as many as its container has."""

import os

import pytest
from meterstorm.actors.cluster import cpus as module
from meterstorm.actors.cluster.cpus import cpus


@pytest.fixture
def group(tmp_path, monkeypatch):
    """An empty control group, on a machine of eight CPUs."""
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    monkeypatch.setattr(module, "OF_PROCESS", tmp_path / "of process")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("limit", "count"),
    [("max 100000", 8), ("200000 100000", 2), ("250000 100000", 3), ("50000 100000", 1), ("6400000 100000", 8)],
)
def test_a_quota_is_kept(group, limit, count):
    (group / "cpu.max").write_text(f"{limit}\n")
    assert cpus() == count


@pytest.mark.parametrize(("quota", "count"), [("-1", 8), ("300000", 3)])
def test_a_quota_of_the_first_version_is_kept(group, quota, count):
    (group / "cpu").mkdir()
    (group / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (group / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpus() == count


@pytest.mark.parametrize("content", [None, "", "nonsense\n", "100000 0\n"])
def test_without_a_limit_that_can_be_read_all_cpus_count(group, content):
    if content is not None:
        (group / "cpu.max").write_text(content)
    assert cpus() == 8


def test_cpus_that_a_process_is_bound_to_count(group, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    assert cpus() == 1


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        ({"": "max", "a": "max", "a/b": "200000"}, 2),
        ({"": "max", "a": "200000", "a/b": "300000"}, 2),
        ({"": "100000", "a": "200000", "a/b": "max"}, 1),
        ({"": "max", "a": "max", "a/b": "max", "a/b/c": "100000", "other": "100000"}, 8),
        ({"a": "300000"}, 3),  # the root has none, and the group itself may not be seen
    ],
)
def test_of_nested_groups_the_least_quota_is_kept(group, limits, count):
    (group / "of process").write_text("0::/a/b\n")
    for name, limit in limits.items():
        (group / name).mkdir(parents=True, exist_ok=True)
        (group / name / "cpu.max").write_text(f"{limit} 100000\n")
    assert cpus() == count


def test_of_nested_groups_of_the_first_version_that_of_its_cpu_controller_counts(group):
    (group / "of process").write_text("4:memory:/m\n3:cpu,cpuacct:/a\n1:name=systemd:/x\n0::/\n")
    for name, quota in (("a", 300000), ("m", 100000), ("x", 100000)):
        (group / "cpu" / name).mkdir(parents=True)
        (group / "cpu" / name / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (group / "cpu" / name / "cpu.cfs_period_us").write_text("100000\n")
    assert cpus() == 3
