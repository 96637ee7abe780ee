"""Leases that a server frees with lost connections, worked out by hand."""

import re

import pytest
from meterstorm.experiments.scenario import ScenarioError, validate

from support.lab import HOUR, LAST, LATENCY, SERVICE, at_once, covers, exactly, run

ONE = [(10.0, 0, 500.0)]
RETRY = {"policies": {"failover": {"name": "retry-then-give-up", "retries": 3, "delay_s": 1.0}}}
CALLED_BACK = {"policies": {"denial": {"name": "callback", "poll_s": 0.0}}}
SERVER_DOWN = {"kind": "crash", "servers": [0], "start_s": 100.0, "duration_s": 10.0}
CLIENT_DOWN = {"kind": "client-crash", "start_s": 100.0, "duration_s": 50.0, "clients": [0, 0]}
AWAY = {"kind": "unreachable", "servers": [0], "start_s": 99.0, "duration_s": 20.0}
CUT = AWAY | {"kind": "cut", "clients": [0, 0]}
BRIEF = CUT | {"duration_s": 1.002}  # over before what is sent in it would arrive
STALL = AWAY | {"kind": "stall"}
HEARD = 100.0 + LATENCY
ENDED = 10.0 + 2 * LATENCY + 2 * SERVICE + 500.0 + LATENCY  # ONE, as the observer hears; it was accepted first


def freeing(grace_s: float = 0.0, word: str = "free", **clients):
    """Connections whose loss frees leases; `word` is what servers do."""
    grace = {"connection_grace_s": grace_s} if grace_s else {}
    return {"servers": {"on_lost_connection": word} | grace, "clients": {"connection": "kept"} | clients}


def ghosts_s(result) -> float:
    """How long a license was held after the observer had heard of its client's crash, one latency after that."""
    return result["ghost_license_hours"] * HOUR


@pytest.mark.parametrize(
    ("table", "value", "allowed"),
    [
        ({"servers": {"on_lost_connection": "free"}}, '"free"', '"keep" while clients.connection = "none"'),
        (
            {"servers": {"connection_grace_s": 5.0}, "clients": {"connection": "kept"}},
            "5.0",
            '0.0 while servers.on_lost_connection = "keep"',
        ),
    ],
)
def test_what_is_set_in_vain_is_refused(table, value, allowed):
    key = f"servers.{next(iter(table['servers']))}"
    line = f"{key}: {value} is not allowed; it must be {allowed}"
    with pytest.raises(ScenarioError, match=f"^{re.escape(line)}$"):
        validate({"title": "in vain"} | table)


@covers("servers.on_lost_connection=keep", "servers.on_lost_connection=free")
@pytest.mark.parametrize(("word", "held_s"), [("keep", LAST - HEARD), ("free", 0.0)])
def test_the_host_of_a_client_that_crashes_closes_its_connection(word: str, held_s: float):
    """It tells the server's, which hears of it as the observer does."""
    result = run(ONE, freeing(word=word), {"faults": [CLIENT_DOWN]})
    assert ghosts_s(result) == exactly(held_s)
    assert (result["leases_orphaned"], result["leases_lost"]) == (1, 0)
    assert result["messages"] == 4 + (word == "free")


@covers("servers.connection_grace_s")
@pytest.mark.parametrize("grace_s", [0.5, 40.0, 800.0])
def test_leases_are_freed_when_the_grace_is_over(grace_s: float):
    result = run(ONE, freeing(grace_s), {"faults": [CLIENT_DOWN]})
    assert ghosts_s(result) == exactly(grace_s)


@pytest.mark.parametrize(("back", "held_s"), [(149.999, LAST - HEARD), (150.001, 50.0)])
def test_who_connects_again_within_the_grace_keeps_its_leases(back: float, held_s: float):
    """Whatever they are for: here, a program that ended in the crash."""
    down = CLIENT_DOWN | {"duration_s": 1.0}
    result = run([*ONE, (back, 0, 500.0)], freeing(50.0), {"faults": [down]})
    assert ghosts_s(result) == exactly(held_s)


@pytest.mark.parametrize(("late_s", "lost"), [(-0.001, 0), (0.001, 4)])
def test_the_grace_begins_at_the_end_of_a_crash_and_who_is_back_by_then_loses_nothing(late_s: float, lost: int):
    """All hear of the crash at once, are refused for its ten seconds, and ask again each second."""
    back = HEARD + 1.0 + LATENCY + 9 * (1.0 + 2 * LATENCY)  # at the server, for the tenth time
    result = run(
        at_once(4, 10.0, 500.0),
        freeing(back - 110.0 - late_s),
        {"policies": {"failover": {"name": "retry-then-give-up", "retries": 60, "delay_s": 1.0}}},
        {"faults": [SERVER_DOWN]},
    )
    assert result["leases_lost"] == lost


def test_without_a_grace_a_crash_frees_what_durable_leases_kept():
    """At its end; the programs run on without them."""
    result = run(at_once(4, 10.0, 500.0), freeing(), {"faults": [SERVER_DOWN]})
    assert result["leases_lost"] == 4
    ended = [ENDED + (3 + k) * SERVICE for k in range(4)]  # four are accepted first
    assert result["unmetered_license_hours"] * HOUR == exactly(sum(ended) - 4 * 110.0)


def test_a_server_that_crashes_knows_itself_that_connections_are_lost():
    """Its client is cut off, and does not hear of it until that is over."""
    result = run(ONE, freeing(), {"faults": [SERVER_DOWN, CUT]})
    assert (result["leases_lost"], result["resets"]) == (1, 1)
    assert result["unmetered_license_hours"] * HOUR == exactly(ENDED - 110.0)


@pytest.mark.parametrize(("client", "lost"), [(0, 1), (2, 0)])
def test_a_client_that_moves_closes_its_connection(client: int, lost: int):
    """Its old server frees the lease at once, and its program runs on without; others' are theirs."""
    two = {"servers": {"count": 2}, "clients": {"rerequest": False}}
    refusing = {"kind": "refusing", "servers": [0], "start_s": 30.0, "duration_s": 60.0}
    rules = {"policies": {"failover": {"name": "immediate"}}, "faults": [refusing]}
    result = run([*ONE, (50.0, client, 5.0)], freeing(programs=2), two, rules)
    assert (result["failovers"], result["leases_lost"]) == (1, lost)
    told = 50.0 + (3 if client == 0 else 0) * LATENCY
    assert result["unmetered_license_hours"] * HOUR == exactly(lost * (ENDED - told))


@pytest.mark.parametrize(
    ("misses", "until", "lost"), [(3, 120.009, 0), (3, 120.011, 1), (1, 100.011, 1), (4, 120.011, 0)]
)
def test_a_server_notices_a_silent_client_as_the_client_does(misses: int, until: float, lost: int):
    """Both hosts ask each ten seconds from when the client has heard; the first time missed is 100.01 s."""
    clients = {"keepalive_s": 10.0, "keepalive_misses": misses}
    result = run(ONE, freeing(**clients), {"faults": [CUT | {"duration_s": until - 99.0}]})
    assert (result["leases_lost"], result["silences"]) == (lost, lost)
    asked = 100.0 + 2 * LATENCY
    assert result["unmetered_license_hours"] * HOUR == exactly(lost * (ENDED - asked - 10.0 * misses))


def test_a_connection_that_is_asked_for_again_is_another_one():
    """A first crash, after which the answer to a CONNECT is lost; a second one; and the CONNECT is sent again."""
    first = SERVER_DOWN | {"duration_s": 0.001}
    cut = CUT | {"start_s": 101.012, "duration_s": 0.9}
    result = run(ONE, freeing(60.0), RETRY, {"faults": [first, cut, first | {"start_s": 101.95}]})
    assert (result["connects"], result["resets"], result["leases_lost"]) == (3, 1, 0)


def test_a_connection_of_which_its_client_has_not_heard_is_not_silent():
    """The first answer is lost; what comes over the connection that is asked for again is kept."""
    cut = CUT | {"start_s": 10.006, "duration_s": 5.0}
    clients = {"keepalive_s": 1.0, "keepalive_misses": 2, "request_timeout_s": 30.0}
    result = run([*ONE, (600.0, 0, 20.0)], freeing(programs=2, **clients), {"faults": [cut]})
    assert (result["grants"], result["leases_lost"], result["unmetered_license_hours"]) == (2, 0, 0.0)


@pytest.mark.parametrize("grace_s", [0.0, 40.0])
def test_a_crash_loses_more_connections_than_an_event_has_room_for(grace_s: float):
    """As one timer of the server is for all of them."""
    many = 3000
    down = SERVER_DOWN | {"duration_s": 500.0}
    result = run(
        at_once(many, 10.0, 900.0),
        freeing(grace_s, request_timeout_s=500.0),
        {"servers": {"service_ms": 0.0}, "clients": {"count": many}},
        {"products": [{"name": "editor", "licenses": many}], "faults": [down]},
    )
    assert (result["grants"], result["leases_lost"]) == (many, many)
    left = 10.0 + 4 * LATENCY + 900.0 + LATENCY - (600.0 + grace_s)
    assert result["unmetered_license_hours"] * HOUR == exactly(many * left)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [(CUT, 119.0 + LATENCY), (AWAY, 119.0 + LATENCY), (STALL, 119.0), (BRIEF, 100.002 + LATENCY)],
)
def test_what_a_fault_keeps_from_the_server_it_hears_when_that_is_over(fault, heard: float):
    result = run(ONE, freeing(), {"faults": [CLIENT_DOWN, fault]})
    assert ghosts_s(result) == exactly(heard - HEARD)


def test_a_word_that_is_lost_on_its_way_is_sent_again():
    """It leaves before the fault begins, and would arrive in it."""
    cut = CUT | {"start_s": 100.0 + LATENCY / 2}
    result = run(ONE, freeing(), {"faults": [CLIENT_DOWN, cut]})
    assert ghosts_s(result) == exactly(cut["start_s"] + 20.0 + LATENCY - HEARD)


def test_a_grace_that_ends_in_a_crash_is_over_when_that_is():
    down = SERVER_DOWN | {"start_s": 103.0}
    result = run(ONE, freeing(5.0), {"faults": [CLIENT_DOWN, down]})
    assert ghosts_s(result) == exactly(113.0 - HEARD)


def test_the_license_is_for_the_next_in_line():
    """Who waits to be called back has it one latency after the server has heard of the crash."""
    one = {"products": [{"name": "editor", "licenses": 1}]}
    result = run([(10.0, 0, 500.0), (20.0, 1, 5.0)], one, freeing(), CALLED_BACK, {"faults": [CLIENT_DOWN]})
    called = HEARD + LATENCY
    assert result["wait_s_max"] == exactly(called + 2 * LATENCY + SERVICE - 20.0)


def test_who_has_lost_the_connection_is_called_back_no_more():
    """Client 1 waits, and crashes; its place is client 2's."""
    one = {"products": [{"name": "editor", "licenses": 1}]}
    launches = [(10.0, 0, 100.0), (20.0, 1, 5.0), (30.0, 2, 5.0)]
    down = CLIENT_DOWN | {"clients": [1, 1], "start_s": 50.0, "duration_s": 900.0}
    result = run(launches, one, freeing(), CALLED_BACK, {"faults": [down]})
    assert (result["grants"], result["denials"]) == (2, 2)
    ended = ENDED - LATENCY - 400.0
    assert result["wait_s_max"] == exactly(ended + 4 * LATENCY + SERVICE - 30.0)


def test_what_was_asked_for_over_a_connection_that_is_lost_is_not_kept():
    """The request waits behind others as its client crashes; it is granted to nobody."""
    slow = {"servers": {"service_ms": 10_000.0}, "clients": {"count": 4, "request_timeout_s": 300.0}}
    launches = [(60.0, 1, 500.0), (60.0, 0, 500.0)]  # accepted by 80 s, granted at 90 s and 100 s or later
    result = run(launches, freeing(), slow, {"faults": [CLIENT_DOWN | {"start_s": 85.0}]})
    assert (result["leases_orphaned"], result["leases_lost"]) == (0, 0)
    assert ghosts_s(result) == 0.0
