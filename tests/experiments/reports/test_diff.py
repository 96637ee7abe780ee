"""`meterstorm diff`: equal runs, the first event that differs, and folders that are none."""

import json
import sys
from pathlib import Path

import pytest
from meterstorm.experiments.cli import main as cli
from meterstorm.policies import sources
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


OWN = """
from typing import NamedTuple
from meterstorm.policies import retry

class Mine(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(5.0)
"""


def test_a_file_of_another_run_is_not_taken_for_this_one_s(run):
    a, b = run("a", "--journal"), run("b", "--set", "clients.request_timeout_s=6.0", "--journal")
    tables = sorted(path.name for path in a.glob("*.parquet"))
    assert len(tables) == 6
    for name in (*tables, "scenario.toml", "provenance.json"):
        mine = (b / name).read_bytes()
        (b / name).write_bytes((a / name).read_bytes())
        code, out, errors = command("diff", a, b)
        assert (code, out) == (2, "")
        digests = [json.loads((folder / "summary.json").read_text())["digest"] for folder in (a, b)]
        assert f"{b / name} is of the run with digest {digests[0]}; summary.json" in errors
        assert f"is of the one with digest {digests[1]}" in errors
        (b / name).write_bytes(mine)
    assert command("diff", a, b)[0] == 1


def test_a_file_that_says_of_no_run_that_it_is(run):
    a, b = run("a"), run("b")
    text = (b / "scenario.toml").read_text()
    (b / "scenario.toml").write_text(text.partition("\n")[2])
    code, _, errors = command("diff", a, b)
    assert code == 2
    assert f"{b / 'scenario.toml'} says of no run that it is" in errors


def test_a_policy_that_has_changed_is_told_from_another_version(run, tmp_path: Path):
    own = ["--failover", f"{tmp_path / 'mine.py'}:Mine"]
    (tmp_path / "mine.py").write_text(OWN)
    a, kept = run("a", *own), run("kept-a", *own, "--journal")
    (tmp_path / "mine.py").write_text(OWN.replace("5.0", "16.0"))
    for name in [name for name in sys.modules if name.startswith("meterstorm_user_")]:
        del sys.modules[name]  # as in another process
    sources.forget(tmp_path / "mine.py")
    b, kept_b = run("b", *own), run("kept-b", *own, "--journal")
    code, _, errors = command("diff", a, b)
    assert code == 2
    assert f"{tmp_path / 'mine.py'}: has changed since {a} ran with it; {a / 'policies'} has it" in errors
    code, out, _ = command("diff", kept, kept_b)
    assert code == 1
    assert f"{tmp_path / 'mine.py'} has changed: SHA-256 " in out
    (tmp_path / "mine.py").unlink()
    sources.forget(tmp_path / "mine.py")
    code, _, errors = command("diff", a, b)
    assert code == 2
    assert "there is no file" in errors
