"""Connections to a server that is killed: everyone is counted, by the clients and by the server."""

import subprocess

import pytest
from meterstorm.experiments.bench import connections
from meterstorm.experiments.bench.connections import ConnectionsError, _port, _start, check, come_back

from support.command_line import invoke, refused

CLIENTS = 60


@pytest.mark.parametrize("jitter", connections.JITTER)
@pytest.mark.parametrize("backlog", [8, 128])
def test_all_come_back_and_each_attempt_ended_in_one_way(jitter, backlog):
    """The server counts its answers anew when it is started again: all of them, and who gave up before."""
    found = come_back(CLIENTS, backlog, jitter, away_s=0.3)
    assert len(found.back_s) == len(found.numbers) == CLIENTS
    assert list(found.back_s) == sorted(found.back_s)
    counts = found.counts
    assert counts["resets"] == CLIENTS
    assert counts["attempts"] == counts["refused"] + counts["timed_out"] + CLIENTS
    assert len(set(found.numbers)) == CLIENTS
    assert set(range(1, CLIENTS + 1)) == set(found.numbers) or counts["timed_out"]


def test_no_server_is_left(monkeypatch):
    started = []
    whole = subprocess.Popen

    def popen(*words, **others):
        started.append(whole(*words, **others))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    come_back(5, 8, "full", away_s=0.0)
    assert [one.returncode for one in started] == [-9, -9]


def test_who_never_had_an_answer_ends_the_benchmark_and_leaves_no_server(monkeypatch):
    started, start = [], connections._start

    def kept(port, backlog):
        started.append(start(port, backlog))
        return started[-1]

    monkeypatch.setattr(connections, "_start", kept)
    monkeypatch.setattr(connections, "LONGEST_S", 0.0)
    with pytest.raises(ConnectionsError, match="only 0 of 5 clients had an answer after 0 s"):
        come_back(5, 8, "none", away_s=0.0)
    assert [one.returncode for one in started] == [-9]


def test_what_the_machine_cannot_hold_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(connections, "raise_limit", lambda: 1000)
    with pytest.raises(ConnectionsError, match=r"900 connections need 1,100 files; ulimit -n is 1,000"):
        check(900)
    few = tmp_path / "few"
    few.write_text("32768 33167")
    monkeypatch.setattr(connections, "PORTS", few)
    with pytest.raises(ConnectionsError, match=r"200 connections: must be at most half of the 399 ports"):
        check(200)
    check(199, [8])
    few.write_text("128")
    monkeypatch.setattr(connections, "LONGEST_QUEUE", few)
    monkeypatch.setattr(connections, "PORTS", connections.Path("/proc/sys/net/ipv4/ip_local_port_range"))
    with pytest.raises(ConnectionsError, match=r"a listen queue of 4,096: at most 128"):
        check(100)


def test_a_server_ends_with_who_has_started_it():
    """Also where that is killed: its standard input has an end then."""
    server = _start(0, 5)
    _port(server)
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(30) == 0


def test_the_command_has_a_row_for_each_queue_and_policy(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(connections, "come_back", lambda *cell: come_back(*cell, away_s=0.0))
    result = invoke("bench", "wall", "--connections", 10)
    assert result.exit_code == 0, result.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert [row[:2] for row in rows] == [["128", "none"], ["128", "full"], ["4,096", "none"], ["4,096", "full"]]


def test_loads_and_connections_are_not_measured_at_once():
    refused(
        invoke("bench", "wall", "--connections", 10, "--clients", 5), 2, ["--clients 5: not with --connections"]
    )
    refused(invoke("bench", "wall", "--connections", 10, "--durable"), 2, ["--durable: not with --connections"])
    refused(invoke("bench", "wall", "--connections", 10, "--seconds", 3), 2, ["--seconds 3: not with"])
