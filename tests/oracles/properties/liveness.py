"""No user waits for ever: once the faults are healed, and with demand below capacity, all are decided in time.

The bounds follow from the scenario alone. Let T be `request_timeout_s`, P the failover policy's longest pause
before another attempt, k the programs of a client. The draws keep the network's round trip and the work of one
message from every client well below T, so that healed servers answer every attempt within T.

Backlog. A server that was slow has a queue. A client has one attempt in flight and a new one not before T, and
all clients' messages of a time T are work for less than T / 2: whatever came while servers were slow is done after
as long again. D is the total time of slow faults and, since a service that began slowly ends slowly, twice the
longest service that one can make (25 means of an exponential one are exceeded with e^-25).

One client. When the backlog is gone, an attempt may be in flight that fails (T) and is followed by a pause (P).
Then each attempt is answered within T, and at most k - 1 other programs come first: running ones that must be
requested again, and those launched before. So everyone who waited when the faults ended is decided within
D + (T + P) + k T, and everyone launched later within (T + P) + k T. Spells offline and giving up decide at once.

Connections. Where clients keep one, it may be lost at each failure, and a new one takes another T. The backlog is
not bounded: a connection that is dropped may come later than that.

Loss. If messages are lost with probability p = 0.02, an attempt fails with 1 - (1 - p)^2 < 0.04, and after
each failure all k may have to be asked again: (T + P) becomes FAILURES (T + P), and k T, (FAILURES + 1) k T. More
than FAILURES failures of one client while it asks for k <= 3 programs have a chance below 10^-12.
"""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from meterstorm.actors.setup import spells
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import clients
from meterstorm.experiments.scenario import Scenario
from meterstorm.experiments.scenario.faults import AT_SERVERS, FAULTS

from support import drawn, failing
from support.drawn_groups import alike

SECOND = 1_000_000_000
FAILURES = 12
RETRIES = 40  # a user's next try is exponential; this many means are exceeded with e^-40
AGAIN_S = 20.0  # at the most, until a patient user asks again; the mean, if exponential
PATIENT = {
    "retry": {"delay_s": AGAIN_S},
    "constant-retry": {"delay_s": AGAIN_S, "jitter": 0.5},
    "backoff-retry": {"base_s": 1.0, "cap_s": AGAIN_S},
    "callback": {"poll_s": AGAIN_S},
}
RECLAIM_S, SCAN_S = 300.0, 200.0
DECIDED, GRANTED = "drawn: all are decided in time", "drawn: all are granted in the end"
OTHER_FAULTS = tuple(kind for kind in FAULTS if kind != "slow")  # factors of slow faults would multiply
WORKING_SLOWLY = ("slow", "stall")  # what messages wait behind


@st.composite
def healing(draw: st.DrawFn) -> dict[str, Any]:
    """A scenario with demand below capacity and with faults that end."""
    raw = draw(
        drawn.scenarios(latencies_ms=st.floats(1.0, 200.0), arrivals=("closed", "open"), clients_min=5, sites=(1,))
    )
    clients, servers = raw["clients"], raw["servers"]
    raw["title"] = DECIDED
    raw["policies"]["failover"].pop("within", None)  # an open breaker waits
    raw["run"] |= {"duration_s": 5000.0, "warmup_s": 0.0}
    raw["network"]["latency_ms"] = min(200.0, raw["network"]["latency_ms"])  # connections may have drawn more
    raw["network"] |= {"jitter_ms": draw(st.sampled_from([0.0, 5.0])), "loss": draw(st.sampled_from([0.0, 0.02]))}
    share = draw(st.sampled_from([0.0, 0.05]))
    servers |= {
        "service_ms": share * 1000.0 * clients["request_timeout_s"] / clients["count"],
        "queue_limit": 0,
        "backlog": 0,
        "split": "even",
        "tenure_s": 0.0,
    }
    raw["workload"] |= {"launch_interval_s": draw(st.floats(60.0, 200.0)), "profile": []}
    raw["policies"] |= {"admission": {"name": "fifo"}, "balancing": {"name": "static"}}
    raw["policies"]["failback"], clients["failback_moves"] = {"name": "none"}, "new"
    for product in raw["products"]:
        product["licenses"] = 50 * clients["count"] * clients["programs"] * servers["count"]
    for key in ("keepalive_s", "keepalive_misses"):  # which may take a connection after the faults
        clients.pop(key, None)
    worst = draw(drawn.faults(servers["count"], clients["count"], AT_SERVERS, drawn.PLANNED))
    others = drawn.faults(servers["count"], clients["count"], OTHER_FAULTS, drawn.PLANNED)
    raw["faults"] = [worst | {"servers": "all"}, *draw(st.lists(others, max_size=2))]
    if raw["network"]["loss"] > 0.0:  # after which many failures take as many pauses
        pause_s = failing.longest_pause_s(raw["policies"]["failover"], servers["count"])
        wait_s = FAILURES * pause_s + (5 * FAILURES + 3) * clients["request_timeout_s"]
        raw["run"]["duration_s"] = max(5000.0, 2000.0 + 2.0 * wait_s)
    return alike(raw)  # as the bounds are for


@st.composite
def haunted(draw: st.DrawFn) -> dict[str, Any]:
    """A scenario of `healing` whose faults turn licenses into ghosts, so that users are denied until a scan.

    There is one pool, with licenses for half of all slots, where a third run at a time; and no heartbeat keeps a
    ghost alive. A user who waits for a callback that a crash forgot asks again by himself.
    """
    raw = draw(healing())
    clients, servers = raw["clients"], raw["servers"]
    slots = clients["count"] * clients["programs"]
    raw["title"] = GRANTED
    raw["network"]["loss"] = 0.0
    servers |= {"reclaim_after_s": RECLAIM_S, "scan_s": SCAN_S, "failover_ttl_s": 0.0}
    clients |= {
        "heartbeat_names_leases": True,
    }
    raw["products"] = [{"licenses": (slots + 1) // 2}]
    raw["workload"] |= {"launch_interval_s": 60.0, "launch": "exponential", "run_time_s": 30.0}
    for file in ("launch_intervals", "run_times"):
        raw["workload"].pop(file, None)
    if raw["workload"]["run_time"] == "empirical":  # of another mean
        raw["workload"]["run_time"] = "exponential"
    asks_again = draw(st.sampled_from(["retry", "constant-retry", "backoff-retry", "callback"]))
    raw["policies"] |= {"balancing": {"name": "shared-pool"}, "denial": {"name": asks_again} | PATIENT[asks_again]}
    losing = {"kind": "loss", "servers": "all", "start_s": 100.0, "duration_s": 600.0}
    raw["faults"] = [losing | {"probability": draw(st.floats(0.3, 0.8))}, *raw["faults"][1:]]
    return raw


class Bounds:
    """When everyone must have been decided, and how long a user may wait from then on; ns."""

    def __init__(self, scenario: Scenario, faults: Any) -> None:
        timeout_s, programs = scenario.clients.request_timeout_s, scenario.clients.programs
        failover = {"name": scenario.policies.failover.name, **scenario.policies.failover.parameters}
        failed_s = timeout_s + failing.longest_pause_s(failover, scenario.servers.count)
        if scenario.clients.connection == "kept":  # which may be lost, and asked for again within a time-out
            failed_s += timeout_s
        failures = 1 if scenario.network.loss == 0.0 else FAILURES
        rounds = 1 if scenario.network.loss == 0.0 else FAILURES + 1
        slow = [fault for fault in scenario.faults if fault.kind == "slow"]
        longest = scenario.servers.service_ms / 1000.0 * (25 if scenario.servers.service == "exponential" else 1)
        last_service_s = longest * math.prod(max(1.0, fault.factor) for fault in slow)
        lengths_s = [fault.duration_s * fault.repeats for fault in scenario.faults if fault.kind in WORKING_SLOWLY]
        backlog_s = sum(lengths_s) + 2.0 * last_service_s * bool(slow)
        healed = spells.last_end(faults)
        assert healed is not None
        self.healed = healed
        self.wait = round((failures * failed_s + rounds * programs * timeout_s) * SECOND)
        self.decided = healed + round(backlog_s * SECOND) + self.wait
        # Ghosts made until then are not heard of any more, and gone with the next scan; then users ask again.
        self.granted = self.decided + round((RECLAIM_S + SCAN_S + RETRIES * AGAIN_S) * SECOND) + self.wait


def decides(scenario: Scenario) -> bool:
    """Check that nobody waits beyond the bounds after the faults; return whether anybody waited at their end."""
    shard = Shard(scenario)
    slots, bounds = shard.world.slots, Bounds(scenario, shard.world.faults)
    assert bounds.decided + bounds.wait < shard.end
    shard.run(bounds.healed)
    before = slots.copy()
    shard.run(bounds.decided)
    undecided = _undecided(before) & (slots["state"] == clients.AWAITING) & (slots["epoch"] == before["epoch"])
    assert not undecided.any(), f"undecided since the faults: {_who(shard, undecided)}"
    shard.world.control["wait_max"] = 0
    step = max(bounds.wait, (shard.end - bounds.decided) // 12)
    for time in range(bounds.decided, shard.end, step):
        shard.run(time)
        late = _undecided(slots) & (time - slots["launched"] > bounds.wait)
        assert not late.any(), f"wait too long at {time / SECOND} s: {_who(shard, late)}"
    if scenario.policies.denial.name == "give-up":  # else a wait goes on from the denial to the grant
        assert shard.world.control[0].wait_max <= bounds.wait
    return bool(_undecided(before).any())


def grants(scenario: Scenario) -> bool:
    """Check that all are granted when the ghosts are gone; return whether anybody was denied before."""
    shard = Shard(scenario)
    slots, bounds = shard.world.slots, Bounds(scenario, shard.world.faults)
    assert bounds.granted < shard.end
    shard.run(bounds.healed)
    before = slots.copy()
    shard.run(bounds.granted)
    refused = (before["marks"] & slots["marks"] & clients.WAITS != 0) & (slots["program"] == before["program"])
    assert not refused.any(), f"never granted: {_who(shard, refused)}"
    return bool((before["marks"] & clients.WAITS != 0).any())


def _undecided(slots: Any) -> Any:
    """Users who launched a program and have had no answer at all."""
    return (slots["state"] == clients.AWAITING) & (slots["marks"] & clients.WAITS == 0)


def _who(shard: Shard, chosen: Any) -> list[str]:
    programs = shard.world.config[0].programs
    return [
        f"client {n // programs} slot {n % programs}: {shard.world.slots[n]}, {shard.world.clients[n // programs]}"
        for n in np.flatnonzero(chosen)
    ]
