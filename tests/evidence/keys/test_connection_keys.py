"""Connections: what their keys do, worked out by hand from experiments/README.md and the contract."""

import re

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import kinds
from meterstorm.experiments.scenario import ScenarioError, validate
from meterstorm.policies import TIMED_OUT

from support.lab import ANSWER, LATENCY, SERVICE, at_once, covers, exactly, on_bare, recorded, run

CRASH = {"kind": "crash", "servers": [0], "start_s": 100.0, "duration_s": 0.001}  # over before anybody hears of it
AWAY = {"kind": "unreachable", "servers": [0], "start_s": 99.0, "duration_s": 20.0}
RETRY = {"policies": {"failover": {"name": "retry-then-give-up", "retries": 3, "delay_s": 1.0}}}
ONE = [(10.0, 0, 500.0)]
HEARD = 100.0 + LATENCY


def kept(**clients):
    return {"clients": {"connection": "kept"} | clients}


def crash(**fault):
    return RETRY | {"faults": [CRASH | fault]}


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [("servers.backlog", 16, "0"), ("servers.connect_cost", 0.5, "1.0"), ("clients.keepalive_s", 9.5, "0.0")],
)
def test_without_connections_their_keys_are_in_vain(key: str, value: float, allowed: str):
    table, name = key.split(".")
    line = f'{key}: {value} is not allowed; it must be {allowed} while clients.connection = "none"'
    with pytest.raises(ScenarioError, match=f"^{re.escape(line)}$"):
        validate({"title": "in vain", table: {name: value}})


def test_without_keep_alives_none_is_missed():
    line = "clients.keepalive_misses: 2 is not allowed; it must be 3 while clients.keepalive_s = 0.0"
    with pytest.raises(ScenarioError, match=f"^{re.escape(line)}$"):
        validate({"title": "in vain", "clients": {"connection": "kept", "keepalive_misses": 2}})


@covers("clients.connection=none")
def test_without_connections_a_request_goes_at_once():
    result = run(ONE)
    assert (result["connects"], result["wait_s_max"]) == (0, exactly(ANSWER))


@covers("clients.connection=kept")
def test_a_request_waits_for_a_connection_and_a_later_one_does_not():
    result = run([(10.0, 0, 1.0), (50.0, 0, 1.0)], kept())
    assert (result["connects"], result["attempts"]) == (1, 2)
    assert result["wait_s_max"] == exactly(2 * LATENCY + 2 * SERVICE)  # its request waits for its acceptance
    assert result["wait_s_mean"] == exactly((2 * ANSWER + SERVICE) / 2)


@covers("servers.connect_cost")
@pytest.mark.parametrize("cost", [0.0, 0.5, 3.0])
def test_a_connection_costs_the_server_its_acceptance(cost: float):
    """It is answered by the host before that."""
    result = run(ONE, kept(), {"servers": {"connect_cost": cost}})
    assert result["wait_s_max"] == exactly(LATENCY + max(cost * SERVICE, 2 * LATENCY) + SERVICE + LATENCY)


@covers("servers.backlog")
@pytest.mark.parametrize(("backlog", "dropped"), [(0, 0), (3, 0), (2, 1), (1, 2)])
def test_what_the_backlog_does_not_hold_is_asked_for_again(backlog: int, dropped: int):
    """Of four at once, one is accepted, and so many wait. A second later that is done, and there is room."""
    result = run(at_once(4), kept(), {"servers": {"backlog": backlog, "service_ms": 100.0}})
    assert (result["connects"], result["connects_dropped"]) == (4 + dropped, dropped)
    waited_s, last = (1.0, dropped) if dropped else (0.0, 4)  # the connections and requests of the last are served
    assert result["wait_s_max"] == exactly(waited_s + 2 * LATENCY + 2 * last * 0.1)


@pytest.mark.parametrize(("timeout_s", "sent"), [(1.0, 1), (1.001, 2), (3.0, 2), (7.001, 4), (60.0, 6)])
def test_a_connect_is_sent_again_after_1_2_4_seconds_until_the_time_out(timeout_s: float, sent: int):
    """One that the network loses is no other than one that is dropped."""
    away = AWAY | {"start_s": 5.0, "duration_s": 900.0}
    result = run([(10.0, 0, 5.0)], kept(request_timeout_s=timeout_s), {"faults": [away]})
    assert (result["connects"], result["timeouts"], result["gave_up"]) == (sent, 1, 1)
    assert (result["attempts"], result["messages_lost"]) == (0, sent)


def test_a_server_that_refuses_refuses_connections_and_what_comes_over_them():
    refusing = {"faults": [CRASH | {"kind": "refusing", "start_s": 30.0, "duration_s": 60.0}]}
    result = run([(10.0, 0, 1.0), (50.0, 0, 1.0), (50.0, 1, 1.0), (120.0, 0, 1.0)], kept(), refusing)
    assert (result["refusals"], result["resets"], result["grants"]) == (2, 0, 2)
    assert result["connects"] == 2  # of each client: the connection of the first one is kept


def test_all_clients_hear_of_a_crash_at_once_and_those_with_leases_come_back():
    """As policies say after a failed heartbeat: with a heartbeat."""
    result = run(at_once(4, 10.0, 500.0), kept(), crash())
    assert (result["resets"], result["connects"], result["timeouts"], result["refusals"]) == (4, 8, 0, 0)
    back = HEARD + 1.0 + LATENCY + 8 * SERVICE + LATENCY  # four are accepted, then four heartbeats served
    assert result["time_to_last_client_s"] == exactly(back - 100.001)


def test_who_holds_no_lease_has_just_no_connection():
    result = run([(10.0, 0, 1.0), (200.0, 0, 1.0)], kept(), crash())
    assert (result["resets"], result["connects"], result["messages"]) == (1, 2, 10)
    assert result["time_to_last_client_s"] == 0.0  # nothing has failed


def test_a_request_in_flight_fails_with_its_connection():
    launches = [(10.0, 0, 1.0), (99.9, 0, 1.0)]
    result = run(launches, kept(), crash())
    assert (result["resets"], result["timeouts"], result["retries"], result["gave_up"]) == (1, 0, 1, 0)
    wait = HEARD + 1.0 + 2 * LATENCY + 2 * SERVICE - 99.9
    assert result["wait_s_max"] == exactly(wait)


def test_a_connection_that_is_asked_for_has_nothing_to_lose():
    """The CONNECT is refused during the crash; it is no reset."""
    result = run([(100.0, 0, 1.0)], kept(), crash(duration_s=0.5))
    assert (result["resets"], result["refusals"], result["grants"], result["retries"]) == (0, 1, 1, 0)


def test_one_that_was_answered_just_before_the_crash_is_lost_with_it():
    """Its request is sent, and fails when the crash is heard of."""
    launch = 100.0 - LATENCY - 0.001
    result = run([(launch, 0, 5.0)], kept(), crash())
    assert (result["resets"], result["connects"], result["timeouts"], result["grants"]) == (1, 2, 0, 1)
    assert result["wait_s_max"] == exactly(HEARD + 1.0 + 2 * LATENCY + 2 * SERVICE - launch)


def test_who_is_cut_off_hears_of_the_crash_when_that_is_over():
    result = run(ONE, kept(), crash() | {"faults": [CRASH, AWAY]})
    assert (result["resets"], result["connects"], result["timeouts"]) == (1, 2, 0)
    back = 119.0 + 1.0 + 2 * LATENCY + 2 * SERVICE
    assert result["time_to_last_client_s"] == exactly(back - 119.0)


@pytest.mark.parametrize(("client", "resets"), [(0, 1), (1, 1)])
def test_only_who_is_cut_off_hears_of_it_later(client: int, resets: int):
    cut = {"kind": "cut", "servers": [0], "start_s": 99.0, "duration_s": 20.0, "clients": [0, 0]}
    result = run([(10.0, client, 500.0)], kept(), crash() | {"faults": [CRASH, cut]})
    heard = 119.0 if client == 0 else HEARD
    assert result["resets"] == resets
    assert result["time_to_last_client_s"] == exactly(max(0.0, heard + 1.0 + 2 * LATENCY + 2 * SERVICE - 119.0))


def test_a_client_that_crashes_connects_anew():
    down = {"kind": "client-crash", "start_s": 50.0, "duration_s": 1.0}
    result = run([(10.0, 0, 5.0), (60.0, 0, 5.0)], kept(), crash() | {"faults": [down, CRASH]})
    assert (result["connects"], result["resets"], result["grants"]) == (2, 1, 2)


def test_a_client_that_moves_leaves_its_connection_behind():
    """And a crash of its old server means nothing to it."""
    two = {"servers": {"count": 2}, "clients": {"count": 2}, "policies": {"failover": {"name": "immediate"}}}
    refusing = CRASH | {"kind": "refusing", "start_s": 30.0, "duration_s": 60.0}
    result = run([(10.0, 0, 5.0), (50.0, 0, 200.0)], kept(), two, {"faults": [refusing, CRASH]})
    assert (result["failovers"], result["connects"], result["resets"]) == (1, 2, 0)


def test_releases_go_without_a_connection():
    result = run([(10.0, 0, 200.0)], kept(), {"policies": {"failover": {"name": "never"}}, "faults": [CRASH]})
    assert (result["resets"], result["connects"]) == (1, 1)  # and nothing is asked for when it is lost
    assert result["ghost_license_hours"] == 0.0
    assert result["messages"] == 5


def alive(misses=3, **clients):
    """Keep-alives come each ten seconds, of the first client from 10.01 s on, when its connection is made."""
    return kept(keepalive_s=10.0, keepalive_misses=misses, **clients)


@covers("clients.keepalive_s", "clients.keepalive_misses")
@pytest.mark.parametrize(
    ("misses", "until", "lost"), [(1, 100.011, 1), (3, 120.009, 0), (3, 120.011, 1), (4, 120.011, 0)]
)
def test_a_connection_is_lost_when_so_many_keep_alives_in_a_row_were_not_answered(
    misses: int, until: float, lost: int
):
    """The first one that is missed is that of 100.01 s. Who holds a lease then fails as by a heartbeat."""
    away = AWAY | {"duration_s": until - 99.0}
    result = run(ONE, alive(misses), RETRY, {"faults": [away]})
    assert (result["silences"], result["timeouts"], result["connects"]) == (lost, lost, 1 + lost)
    assert result["resets"] == 0


def test_the_last_answer_that_is_missed_is_waited_for(tmp_path):
    raw = on_bare(alive(3), {"faults": [AWAY | {"duration_s": 100.0}]}, recorded(ONE, tmp_path))
    shard = Shard(validate(raw), keep_journal=True)
    shard.run(shard.end)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    [lost] = rows[(rows["what"] == journal.HANDLED) & (rows["kind"] == kinds.CONNECTION_SILENT)]["time"].tolist()
    [decided] = rows[(rows["what"] == journal.DECIDED) & (rows["time"] == lost)]["value"].tolist()
    assert (lost / 1e9, decided) == (exactly(130.0 + 2 * LATENCY), TIMED_OUT)


def test_without_keep_alives_a_silent_server_is_not_noticed():
    result = run(ONE, kept(), {"faults": [AWAY]})
    assert (result["silences"], result["timeouts"], result["connects"]) == (0, 0, 1)


@pytest.mark.parametrize(("gap", "end", "lost"), [((109.0, 110.0), 125.0, 1), ((109.5, 110.5), 135.0, 0)])
def test_an_answer_between_ends_a_row_and_a_gap_without_a_question_does_not(
    gap: tuple[float, float], end: float, lost: int
):
    """Questions at 100, 110, ..., and three answers missed in a row are too many."""
    first = AWAY | {"duration_s": gap[0] - 99.0}
    second = AWAY | {"start_s": gap[1], "duration_s": end - gap[1]}
    result = run(ONE, alive(3), {"faults": [first, second]})
    assert result["silences"] == lost


@pytest.mark.parametrize("kind", ["stall", "refusing", "slow"])
def test_the_host_of_a_server_that_stalls_or_refuses_answers(kind: str):
    fault = AWAY | {"kind": kind, "duration_s": 200.0} | ({"factor": 1000.0} if kind == "slow" else {})
    assert run(ONE, alive(1), {"faults": [fault]})["silences"] == 0


@pytest.mark.parametrize(("client", "lost"), [(0, 1), (1, 0)])
def test_who_is_cut_off_misses_answers(client: int, lost: int):
    cut = AWAY | {"kind": "cut", "duration_s": 60.0, "clients": [0, 0]}
    assert run([(10.0, client, 500.0)], alive(3), {"faults": [cut]})["silences"] == lost


def test_what_comes_first_takes_the_connection():
    """A crash while the client is cut off, of which it would hear later; nothing of it is heard then."""
    result = run(ONE, alive(1), {"faults": [AWAY | {"duration_s": 200.0}, CRASH]})
    assert (result["silences"], result["resets"]) == (1, 0)
