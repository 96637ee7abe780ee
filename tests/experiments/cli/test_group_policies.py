"""Policies of groups of clients: each has its parameters and its memory, and an error names the right one."""

import json

import pyarrow.parquet as pq
import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.metrics.names import METRICS_OF_GROUPS

from support.command_line import DARK, SHORT, invoke, refused, run_json

OWN = """
from typing import NamedTuple

from meterstorm.policies import give_up, retry


class Patient(NamedTuple):
    delay_s: float = 50.0
    memory_size = 1

    def on_failure(self, link, memory, u):
        memory[0] += 1.0
        return retry(self.delay_s * memory[0])


class Careful(NamedTuple):
    delay_s: float = 3.0
    tries: float = 4.0
    memory_size = 5

    def on_failure(self, link, memory, u):
        memory[4] += 1.0
        return retry(self.delay_s) if memory[4] < self.tries and memory.size == 5 else give_up()


class Backwards(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(-1.0)


class Fragile(NamedTuple):
    def on_failure(self, link, memory, u):
        if link.tries_here > 1:
            raise RuntimeError("no more tries")  # here
        return retry(1.0)
"""


def in_groups(here, own: str, of_all: str = "own.py:Patient") -> None:
    """A scenario in which no server answers for a while, and half of the clients have a policy of their own."""
    (here / "own.py").write_text(OWN)
    (here / "halves.toml").write_text(
        SHORT
        + f'[policies]\nfailover = {{ name = "{of_all}" }}\n'
        + f'[[groups]]\nname = "half"\nshare = 0.5\nset = {{ "policies.failover" = {{ name = "{own}" }} }}\n'
        + DARK
    )


def test_each_policy_has_its_own_parameters_and_memory(here):
    """Careful gives up after its fourth failure; Patient tries until the outage is over."""
    in_groups(here, "own.py:Careful")
    rest, half = run_json("halves.toml")["arms"][0]["groups"]
    assert (rest["name"], half["name"]) == ("rest", "half")
    assert rest["metrics"]["gave_up"]["mean"] == 0 < rest["metrics"]["timeouts"]["mean"]
    assert half["metrics"]["timeouts"]["mean"] == 4 * half["metrics"]["gave_up"]["mean"] > 0


@pytest.mark.parametrize(
    ("policy", "words"),
    [("Backwards", ["negative", "-1"]), ("Fragile", ["RuntimeError: no more tries", "own.py, line 34"])],
)
@pytest.mark.parametrize("is_of_group", [True, False])
def test_an_error_names_the_policy_of_the_group(policy, words, is_of_group, here):
    pair = ("own.py:Patient", f"own.py:{policy}")
    in_groups(here, *(pair[::-1] if is_of_group else pair))
    refused(invoke("run", "halves.toml", "--json", "--workers", 0), console.WRONG_INPUT, [policy, *words])


def test_a_policy_of_a_group_is_kept_with_the_results(here):
    in_groups(here, "own.py:Careful", "never")
    run_json("halves.toml", "--out", "out")
    inputs = json.loads((here / "out/provenance.json").read_text())["inputs"]
    assert [file["path"] for file in inputs] == [str(here / "own.py")]


def test_groups_are_on_the_screen_and_in_files(here):
    in_groups(here, "never", "immediate")
    shown = invoke("run", "halves.toml", "--workers", 0, "--out", "out", "--replications", 2)
    assert "Groups of clients" in shown.stdout
    assert "rest (20)" in shown.stdout and "half (20)" in shown.stdout
    (arm,) = json.loads((here / "out/summary.json").read_text())["arms"]
    rows = pq.read_table(here / "out/groups.parquet").to_pylist()
    assert [(row["replication"], row["group"], row["clients"]) for row in rows] == [
        (number, name, 20) for number in (0, 1) for name in ("rest", "half")
    ]
    for group in arm["groups"]:
        assert tuple(group["metrics"]) == METRICS_OF_GROUPS
        for name, found in group["metrics"].items():
            assert found["values"] == [row[name] for row in rows if row["group"] == group["name"]]


def test_without_groups_there_are_no_files_of_them(here):
    assert run_json("short.toml", "--out", "out")["arms"][0]["groups"] == []
    assert not (here / "out/groups.parquet").exists()


def test_an_unfinished_run_keeps_what_groups_have(here):
    in_groups(here, "never", "immediate")
    once = run_json("halves.toml")["arms"]
    assert run_json("halves.toml", "--checkpoint-every", "1h", "--out", "out")["arms"] == once


def test_a_sweep_over_a_key_of_a_group(here):
    in_groups(here, "never", "immediate")
    vary = ["--vary", "groups.half.share=0.25,1.0", "--vary", "groups.half.workload.launch_interval_s=600,1200"]
    result = invoke("sweep", "halves.toml", *vary, "--workers", 1, "--out", "out")
    assert result.exit_code == 0, result.stderr
    rows = pq.read_table(here / "out/metrics.parquet").to_pylist()
    found = {(row["groups.half.share"], row["groups.half.workload.launch_interval_s"]): row for row in rows}
    assert len(found) == 4
    for share in (0.25, 1.0):
        assert found[share, 600]["launches"] > found[share, 1200]["launches"]
