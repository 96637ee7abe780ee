"""What another shard may send: a row that could not come from it is an error that names it, and is not filed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.transport.frames import TransportError
from meterstorm.actors.shards.transport.mesh import Mesh
from meterstorm.actors.shards.windows import PAUSE, SENT, Windows
from meterstorm.actors.state import kinds
from meterstorm.actors.state.events import EVENT, FOREIGN, IN_SERVICE, VOID, WANTS_CALLBACK
from meterstorm.experiments.scenario import Scenario, validate

from support.drawn import scenarios
from support.meshed import simulate_on_shards
from support.processes import PATIENCE_S

CLIENTS, SERVERS = 40, 3
SITE, OBSERVER = CLIENTS + SERVERS, CLIENTS + SERVERS + 1

SCENARIO = validate({
    "title": "two shards",
    "run": {"duration_s": 3600, "warmup_s": 0},
    "network": {"latency_ms": 20},
    "servers": {"count": SERVERS},
    "clients": {"count": CLIENTS, "programs": 2},
    "products": [{"name": "a"}, {"name": "b"}],
})  # fmt: skip

# The same with messages of every kind.
FULL = SCENARIO.model_copy(update={
    "clients": SCENARIO.clients.model_copy(
        update={
            "release_old": "deferred",
            "heartbeat_names_leases": True,
            "on_lost_lease": "stop",
            "connection": "kept",
        }
    ),
    "policies": validate({
        "title": "policies",
        "policies": {"denial": {"name": "callback"}, "failback": {"name": "drain"}},
    }).policies,
})  # fmt: skip

SECOND = 10**9

# Shard 0 has clients 0 to 19, the servers and the observer; shard 1 has clients 20 to 39.
REQUEST: dict[str, int] = {"time": SECOND, "kind": kinds.REQUEST, "source": 25, "target": CLIENTS + 1}
NOTICE = REQUEST | {"kind": kinds.NOTICE, "target": OBSERVER, "value": 2}
GRANT: dict[str, int] = {"time": SECOND, "kind": kinds.GRANT, "source": CLIENTS, "target": 30}


def packed(*rows: dict[str, int]) -> bytes:
    array = np.zeros(len(rows), EVENT)
    for k, row in enumerate(rows):
        for name, value in row.items():
            array[name][k] = value
    return array.tobytes()


def begun(scenario: Scenario) -> list[Shard]:
    made = [Shard(scenario, 0, k, 2) for k in range(2)]
    for shard in made:
        shard.run(SECOND)
    return made


@pytest.fixture
def shards() -> list[Shard]:
    return begun(SCENARIO)


GOOD = {
    "request": (0, REQUEST | {"slot": 1, "product": 1}),
    "request for many": (0, REQUEST | {"value": 32766}),
    "heartbeat of all slots": (0, REQUEST | {"kind": kinds.HEARTBEAT, "value": -1}),
    "notice": (0, NOTICE),
    "grant not taken": (0, NOTICE | {"kind": kinds.NOT_TAKEN, "value": 0}),
    "orphan": (0, NOTICE | {"kind": kinds.ORPHANED}),
    "grant": (1, GRANT),
}
# Where a scenario has them; else there is no table for what they say.
SPECIAL = {
    "request to be called back": (0, REQUEST | {"flag": WANTS_CALLBACK}),
    "what is kept": (0, REQUEST | {"kind": kinds.KEPT_RELEASE}),
    "probe": (0, REQUEST | {"kind": kinds.PROBE}),
    "callback": (1, GRANT | {"kind": kinds.CALLBACK}),
    "what is kept is known": (1, GRANT | {"kind": kinds.KEPT_ACK}),
    "probe answered": (1, GRANT | {"kind": kinds.PROBE_ACK}),
    "leases lost": (1, GRANT | {"kind": kinds.ACK, "value": -2}),
    "connect": (0, REQUEST | {"kind": kinds.CONNECT}),
    "connected": (1, GRANT | {"kind": kinds.CONNECTED}),
    "move on": (1, GRANT | {"kind": kinds.MOVE_ON}),
}

BAD = {
    **SPECIAL,
    "before now": (0, REQUEST | {"time": SECOND - 1}),
    "negative time": (0, REQUEST | {"time": -1}),
    "client of the receiver": (0, REQUEST | {"source": 19}),
    "client that does not exist": (0, REQUEST | {"source": CLIENTS}),
    "negative source": (0, REQUEST | {"source": -1}),
    "request for a client": (0, REQUEST | {"target": 0}),
    "request for the site server": (0, REQUEST | {"target": SITE}),
    "request for nobody": (0, REQUEST | {"target": OBSERVER + 1}),
    "negative target": (0, REQUEST | {"target": -1}),
    "slot too high": (0, REQUEST | {"slot": 2}),
    "negative slot": (0, REQUEST | {"slot": -1}),
    "product too high": (0, REQUEST | {"product": 2}),
    "negative product": (0, REQUEST | {"product": -1}),
    "in service": (0, REQUEST | {"flag": IN_SERVICE}),
    "void": (0, REQUEST | {"flag": VOID | WANTS_CALLBACK}),
    "foreign": (0, REQUEST | {"flag": FOREIGN}),
    "negative flag": (0, REQUEST | {"flag": -1}),
    "no kind": (0, REQUEST | {"kind": 0}),
    "kind between": (0, REQUEST | {"kind": kinds.CONNECT + 1}),
    "negative kind": (0, REQUEST | {"kind": -5}),
    "the site server's": (0, REQUEST | {"kind": kinds.TAKE}),
    "a timer": (0, REQUEST | {"kind": kinds.CRASH}),
    "answer to a server": (0, REQUEST | {"kind": kinds.GRANT}),
    "notice for a server": (0, NOTICE | {"target": CLIENTS}),
    "request for less than one": (0, REQUEST | {"value": -1}),
    "request for too many": (0, REQUEST | {"value": 32767}),
    "notice of no server": (0, NOTICE | {"value": SERVERS}),
    "notice of a negative server": (0, NOTICE | {"value": -1}),
    "request where no servers live": (1, REQUEST | {"source": 5}),
    "notice where no observer lives": (1, NOTICE | {"source": 5}),
    "grant to the other's client": (1, GRANT | {"target": 19}),
    "grant to a server": (1, GRANT | {"target": CLIENTS}),
    "grant of a client": (1, GRANT | {"source": 3}),
    "grant of the site server": (1, GRANT | {"source": SITE}),
    "back before it was sent": (1, GRANT | {"kind": kinds.OVERLOADED, "value": -1}),
    "a client's timer": (1, GRANT | {"kind": kinds.END}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_a_shard_may_send_is_taken(name, shards):
    to, row = GOOD[name]
    free = shards[to].world.control[0].free_events
    shards[to].deliver(packed(row), 1 - to)
    assert shards[to].world.control[0].free_events == free - 1


@pytest.mark.parametrize("name", [*GOOD, *SPECIAL])
def test_where_a_scenario_has_all_kinds_all_are_taken(name):
    to, row = (GOOD | SPECIAL)[name]
    shard = begun(FULL)[to]
    free = shard.world.control[0].free_events
    shard.deliver(packed(row), 1 - to)
    assert shard.world.control[0].free_events == free - 1


@pytest.mark.parametrize("name", BAD)
def test_what_a_shard_cannot_send_is_refused_with_all_that_comes_with_it(name, shards):
    to, row = BAD[name]
    good = REQUEST if to == 0 else GRANT
    before = shards[to].world.events.tobytes(), shards[to].world.control.tobytes()
    words = rf"^message 1 of 2, which shard {1 - to} cannot send to shard {to} \(at {SECOND} ns\): .*'kind': "
    with pytest.raises(ValueError, match=words):
        shards[to].deliver(packed(good, row), 1 - to)
    assert (shards[to].world.events.tobytes(), shards[to].world.control.tobytes()) == before


# Two shards of one site each, whose site servers balance; that of site 0 asks, hears of all, and orders.
TWO_SITES = validate({
    "title": "two sites",
    "run": {"duration_s": 3600, "warmup_s": 0},
    "network": {"latency_ms": 20, "wan_latency_ms": 100},
    "servers": {"count": 4, "sites": 2},
    "clients": {"count": CLIENTS, "failover_to": "own-site"},
    "policies": {
        "balancing": {"name": "periodic-demand", "interval_s": 300},
        "intersite": {"name": "periodic-demand", "interval_s": 600},
    },
})  # fmt: skip

FIRST, SECOND_SITE = CLIENTS + 4, CLIENTS + 5
TO_SECOND: dict[str, int] = {"time": SECOND, "source": FIRST, "target": SECOND_SITE}
TO_FIRST: dict[str, int] = {"time": SECOND, "source": SECOND_SITE, "target": FIRST}

GOOD_BETWEEN = {
    "asked": (1, TO_SECOND | {"kind": kinds.ASK_REPORT}),
    "ordered": (1, TO_SECOND | {"kind": kinds.TAKE, "program": 1, "value": 3}),
    "given": (1, TO_SECOND | {"kind": kinds.GIVE, "value": 3}),
    "given to the leader": (0, TO_FIRST | {"kind": kinds.GIVE}),
    "reported": (0, TO_FIRST | {"kind": kinds.REPORT, "program": 1, "attempt": 2, "value": 3}),
}

BAD_BETWEEN = {
    "asks without leading": (0, TO_FIRST | {"kind": kinds.ASK_REPORT}),
    "orders without leading": (0, TO_FIRST | {"kind": kinds.TAKE, "program": 1}),
    "for no site": (1, TO_SECOND | {"kind": kinds.TAKE, "program": 0}),
    "for a site that does not exist": (1, TO_SECOND | {"kind": kinds.TAKE, "program": 3}),
    "takes less than nothing": (1, TO_SECOND | {"kind": kinds.TAKE, "program": 1, "value": -1}),
    "gives less than nothing": (1, TO_SECOND | {"kind": kinds.GIVE, "value": -1}),
    "reports to who does not lead": (1, TO_SECOND | {"kind": kinds.REPORT}),
    "reports less than nothing": (0, TO_FIRST | {"kind": kinds.REPORT, "attempt": -1}),
    "product too high": (1, TO_SECOND | {"kind": kinds.GIVE, "product": 1}),
    "of a server": (1, TO_SECOND | {"kind": kinds.GIVE, "source": CLIENTS}),
    "of a client": (1, TO_SECOND | {"kind": kinds.GIVE, "source": 0}),
    "of the receiver": (1, TO_SECOND | {"kind": kinds.GIVE, "source": SECOND_SITE}),
    "for a server": (1, TO_SECOND | {"kind": kinds.GIVE, "target": CLIENTS + 3}),
    "for the sender": (1, TO_SECOND | {"kind": kinds.GIVE, "target": FIRST}),
    "for an observer": (1, TO_SECOND | {"kind": kinds.GIVE, "target": SECOND_SITE + 2}),
    "a server's word": (1, TO_SECOND | {"kind": kinds.TAKEN}),
}


@pytest.mark.parametrize("name", [*GOOD_BETWEEN, *BAD_BETWEEN])
def test_site_servers_say_only_what_is_theirs_to_say(name):
    to, row = (GOOD_BETWEEN | BAD_BETWEEN)[name]
    shard = Shard(TWO_SITES, 0, to, 2)
    shard.run(SECOND)
    if name in GOOD_BETWEEN:
        free = shard.world.control[0].free_events
        shard.deliver(packed(row), 1 - to)
        assert shard.world.control[0].free_events == free - 1
        shard.run(2 * SECOND)
    else:
        with pytest.raises(ValueError, match="cannot send"):
            shard.deliver(packed(row), 1 - to)


def test_sites_that_do_not_share_licenses_say_nothing():
    layer = TWO_SITES.policies.model_copy(update={"intersite": type(TWO_SITES.policies.intersite)(name="none")})
    shard = Shard(TWO_SITES.model_copy(update={"policies": layer}), 0, 1, 2)
    with pytest.raises(ValueError, match="cannot send"):
        shard.deliver(packed(TO_SECOND | {"kind": kinds.GIVE}), 0)


@pytest.mark.parametrize("size", [1, EVENT.itemsize - 1, EVENT.itemsize + 1])
def test_messages_are_whole_rows(size, shards):
    with pytest.raises(ValueError, match=f"{size} bytes, not a multiple of {EVENT.itemsize}"):
        shards[0].deliver(bytes(size), 1)


@settings(max_examples=300)
@given(st.data())
def test_any_bytes_are_refused_or_harm_nothing(data):
    """Rows near the truth, or of any bytes: what is taken is handled to the end, and the books are checked."""
    to = data.draw(st.integers(0, 1))
    shard = Shard(data.draw(st.sampled_from([SCENARIO, FULL])), 0, to, 2)
    small = st.integers(-3, OBSERVER + 2)
    row = (REQUEST, NOTICE)[data.draw(st.integers(0, 1))] if to == 0 else GRANT
    names = st.sampled_from(["source", "target", "slot", "product", "kind", "flag", "value", "program", "attempt"])
    row = row | data.draw(st.dictionaries(names, small, max_size=3))
    raw = bytearray(packed(row))
    if data.draw(st.booleans()):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        shard.deliver(bytes(raw), 1 - to)
    except ValueError:
        return
    shard.run(2 * SECOND)


# From peer to peer.


@contextmanager
def windows_with_impostor() -> Iterator[tuple[Windows, Mesh]]:
    """Shard 0 of two, and the mesh of one that says it is shard 1."""
    with Mesh(0, 2, b"key", PATIENCE_S) as mine, Mesh(1, 2, b"key", PATIENCE_S) as other:
        addresses = [mine.listen(), other.listen()]
        with ThreadPoolExecutor(1) as pool:
            connected = pool.submit(other.connect, addresses)
            mine.connect(addresses)
            connected.result(PATIENCE_S)
            first = pool.submit(other.exchange, 0, 0, 0, [b"", b""])
            windows = Windows(Shard(SCENARIO, 0, 0, 2), mine, 0)
            first.result(PATIENCE_S)
        yield windows, other


def exchange(windows: Windows, impostor: Mesh, *frame: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(impostor.exchange, windows.window, *frame)
        try:
            windows.run(0.0)
        finally:
            sent.result(PATIENCE_S)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ((2 * SECOND, PAUSE, [b"", b""]), "sent flags 1, which it must not"),
        ((2 * SECOND, 4, [b"", b""]), "sent flags 4, which it must not"),
        ((2 * SECOND, -1, [b"", b""]), "sent flags -1, which it must not"),
        ((2 * SECOND, SENT, [b"x", b""]), "sent 1 bytes, not a multiple"),
        ((2 * SECOND, SENT, [packed(GRANT), b""]), "sent message 0 of 1, which shard 1 cannot send"),
    ],
)
def test_a_peer_that_sends_what_it_must_not_is_named(frame, words):
    with (
        windows_with_impostor() as (windows, impostor),
        pytest.raises(TransportError, match=rf"^shard 1 \(127.0.0.1:\d+, .*\): {words}"),
    ):
        exchange(windows, impostor, *frame)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(scenarios(latencies_ms=st.floats(1.0, 300.0)), st.integers(2, 4))
def test_honest_shards_are_never_refused(raw, count):
    """Whatever the scenario, on any number of shards; and the digest is that of one."""
    made = validate(raw)
    if made.clients.count >= count:
        assert simulate_on_shards(made, count).digest == simulate(made).digest
