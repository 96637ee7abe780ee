"""`meterstorm diff`: equal runs, the first event that differs, and folders that are none."""

from pathlib import Path

import pytest
from meterstorm.experiments.cli import main as cli
from typer.testing import CliRunner

SCENARIO = """
title = "two replications of a small site"
[run]
duration_s = 1800
warmup_s = 0
replications = 2
[clients]
count = 20
[servers]
count = 2
[[products]]
licenses = 8
[workload]
launch_interval_s = 300
[policies]
failover = { name = "immediate" }
[[faults]]
start_s = 900
"""


def command(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def run(tmp_path: Path):
    file = tmp_path / "small.toml"
    file.write_text(SCENARIO)

    def _run(name: str, *options: object) -> Path:
        folder = tmp_path / name
        code, _, errors = command("run", file, "--workers", 0, "--out", folder, *options)
        assert code == 0, errors
        return folder

    return _run


def test_equal_runs(run):
    assert command("diff", run("a"), run("b", "--journal")) == (0, "2 worlds, equal digests\n", "")


@pytest.mark.parametrize("journals", [(False, False), (True, False), (True, True)])
def test_the_first_event_that_differs(run, journals: tuple[bool, bool]):
    options = [["--journal"] if kept else [] for kept in journals]
    a, b = run("a", *options[0]), run("b", "--set", "clients.request_timeout_s=6.0", *options[1])
    code, out, _ = command("diff", a, b)
    assert code == 1
    head, count, *before, of_a, of_b = out.splitlines()
    assert "replication 0 (0 before are equal)" in head
    assert count.endswith("journal rows are equal, then:") and len(before) == 3
    assert of_a.startswith(f"  {a}") and of_b.startswith(f"  {b}")
    # The first client to lose its server waits 5 s for an answer in one run, 6 s in the other.
    assert "link timer" in of_a
    assert float(of_a.split()[1]) < float(of_b.split()[1])


def test_a_later_world_that_differs(run):
    a, b = run("a"), run("b")
    summary = (b / "summary.json").read_text()
    digest = summary.split('"digests": [')[1].split('"')[3]
    (b / "summary.json").write_text(summary.replace(digest, "0" * 16))
    code, _, errors = command("diff", a, b)
    assert code == 2
    assert f"replication 1 had the digest {'0' * 16} and now has {digest}" in errors


def test_no_run(run, tmp_path: Path):
    code, _, errors = command("diff", run("a"), tmp_path)
    assert code == 2
    assert f"{tmp_path} is not the folder of a run" in errors


def test_nothing_in_common(run):
    arms = ["--set", 'arms=[{name = "x"}]']
    code, _, errors = command("diff", run("a"), run("b", *arms))
    assert code == 2
    assert "no case, arm and replication in common" in errors
