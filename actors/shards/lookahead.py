"""How far a shard may run ahead of the others: the whole argument why windows are safe.

A shard handles the events before its *horizon*, then all shards exchange what they sent. It is safe if nothing
that arrives later is due before that horizon. These are the steps:

1. A message takes at least the constant part of the latency: `latency` within a site, `wan_latency` between sites
   (jitter is added to that; loss and faults only remove messages). So what an agent does at time t is felt in
   another shard at t + latency at the earliest.
2. Each frame carries the earliest time at which anything in its shard may lead to a message, unless another one
   reaches it first (`Shard.next_influence`). A shard's *bound* is the minimum of these times, each plus the delay
   until it is felt here (`from_shards`).
3. A shard with clients only may send at its next event. Servers only ever answer: where they live, nothing leaves
   before the first message of another shard that is there (`control.foreign`) arrives, if no client of theirs may
   leave its site (`agents/roaming.py`). Where servers drain, they ask clients to move of their own accord: such a
   shard, too, may send at its next event.
4. What was just sent is an event at its receiver that the receiver's own frame could not tell of yet. Its answer
   takes the way back: `back_within` and `back_across` after its arrival. With more than two shards, the others see
   only that something was sent, so the sender's frame also covers what the receiver may do to third shards
   (`sooner_within`, `sooner_across`).
5. Within a window, a message that leaves and may be answered brings the horizon nearer: no answer can be here
   sooner than one latency after its arrival (`messaging/messages.py`). What nobody answers does not: a RELEASE
   (unless it may call a user back) and notices to an observer.
6. So everything that arrives after an exchange is due at the bound or later. `inbox.first_wrong` checks that for
   every message, and stops the run otherwise.

Stretches without events are skipped since frames tell the next event. With `latency` 0 windows would be empty, so
shards need a latency. The digest does not depend on windows, since the total order does not (`queue/order.py`).
"""

from typing import NamedTuple

from ..setup import groups
from ..setup.partition import Part
from ..setup.scenario import Scenario
from ..state.rows import NEVER


class Lookahead(NamedTuple):
    """How soon shards can feel what the others do, ns; NEVER where they do not."""

    from_shards: list[int]  # until what another shard does matters here
    # Until a message that has arrived at another shard leads to one that arrives here, where that shard shares a
    # site with this one, and where it does not.
    back_within: int
    back_across: int
    # By how much sooner such a message matters to third shards than what its sender may do when it arrives.
    sooner_within: int
    sooner_across: int


def lookahead(scenario: Scenario, hosted: list[Part], shard: int, calls_back: bool) -> Lookahead:
    """Return the lookahead of one shard of several; whether users are called back matters to it."""
    delays = _delays(scenario, hosted, calls_back)
    others = [k for k in range(len(hosted)) if k != shard]
    within = [k for k in others if _share_site(hosted[k], hosted[shard])]
    across = [k for k in others if not _share_site(hosted[k], hosted[shard])]
    return Lookahead(
        [delays[k][shard] for k in range(len(hosted))],
        min((delays[k][shard] for k in within), default=NEVER),
        min((delays[k][shard] for k in across), default=NEVER),
        _sooner(delays, shard, within, others),
        _sooner(delays, shard, across, others),
    )


def _sooner(delays: list[list[int]], shard: int, receivers: list[int], others: list[int]) -> int:
    """Return by how much sooner third shards feel a message by way of its receiver than of its sender."""
    gains = (
        delays[shard][third] - delays[k][third]
        for k in receivers
        for third in others
        if third != k and delays[shard][third] < NEVER
    )
    return max(0, max(gains, default=0))


def _delays(scenario: Scenario, hosted: list[Part], calls_back: bool) -> list[list[int]]:
    """Return the least time until what one shard does matters in another.

    Messages go between clients and servers, and among site servers, which live with their servers. Clients matter
    to each other only by what they give back, where users are called back: by way of a server.
    """
    shards = range(len(hosted))
    delays = [[_direct(scenario, hosted[j], hosted[k]) for k in shards] for j in shards]
    if not calls_back:
        return delays
    servers = [k for k in shards if hosted[k].hosts_servers]
    return [[min(delays[j][k], *(delays[j][s] + delays[s][k] for s in servers)) for k in shards] for j in shards]


def _direct(scenario: Scenario, one: Part, other: Part) -> int:
    """Return the latency of messages between two shards."""
    if not (one.hosts_servers or other.hosts_servers):
        return NEVER
    if _share_site(one, other):
        return round(scenario.network.latency_ms * 1e6)
    return round(scenario.network.wan_latency_ms * 1e6) if _are_linked(scenario) else NEVER


def _share_site(one: Part, other: Part) -> bool:
    return one.first_site < other.end_site and other.first_site < one.end_site


def _are_linked(scenario: Scenario) -> bool:
    """Whether messages go between sites."""
    move = groups.any_of(scenario, lambda one: one.clients.failover_to == "any-site")
    return move or scenario.policies.intersite.name != "none"
