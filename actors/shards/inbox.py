"""Messages from other shards: checked, then filed.

A message must come from an agent of the sending shard, go to one of this shard, and be due at or after this
shard's horizon. Rows index tables without another check, so a wrong one is refused.
"""

from ..compiled.jit import inlined, jit
from ..messaging.addresses import LEADER
from ..messaging.protocol import is_answer, is_balancing, is_for_host, is_for_service, is_notice, may_be_answered
from ..queue import calendar, events
from ..state import clients, kinds
from ..state.events import FOREIGN, HAS_LEASE, WANTS_CALLBACK
from ..state.limits import LICENSES_MAX
from ..state.status import GROW, HORIZON


@jit
def deliver(world, count):
    """File `count` messages of the inbox; return the status GROW when there is no room for them."""
    control = world.control[0]
    if min(control.free_events, world.due.size - control.open) < count:
        return GROW
    for k in range(count):
        n = events.allocate(world)
        event = world.events[n]
        message = world.inbox[k]
        events.write(event, message, message.time, message.serial)
        if may_be_answered(event.kind):
            event.flag |= FOREIGN
            control.foreign += 1
        calendar.schedule(world, n)
        control.next = min(control.next, event.time)
    return HORIZON


@jit
def first_wrong(world, count, senders):
    """Return the first of `count` rows of the inbox that cannot come from the `senders` of a shard, or -1."""
    control = world.control[0]
    config = world.config[0]
    for k in range(count):
        row = world.inbox[k]
        if (
            row.time < control.horizon
            or not 0 <= row.slot < config.programs
            or not 0 <= row.product < config.products
            or row.flag & ~(HAS_LEASE | (WANTS_CALLBACK if config.calls_back else 0)) != 0
            or not _is_used(config, row.kind)
            or not _is_right(config, row, senders)
        ):
            return k
    return -1


@jit
def _is_used(config, kind):
    """Whether a scenario has messages of a kind: there are no tables for what it has not."""
    if kind == kinds.KEPT_RELEASE or kind == kinds.KEPT_ACK:
        return config.deferred != 0
    if kind == kinds.CALLBACK:
        return config.calls_back != 0
    if kind == kinds.MOVE_ON:
        return config.drain_share > 0.0
    if kind == kinds.CONNECT or kind == kinds.CONNECTED:
        return config.connects != 0
    if kind == kinds.DISCONNECT:
        return config.frees_lost != 0
    return config.failback != 0 or (kind != kinds.PROBE and kind != kinds.PROBE_ACK)


@inlined
def _is_right(config, row, senders):
    """Whether a message of its kind goes from there to its target, with such a value."""
    if is_answer(row.kind):
        return senders.first_server <= row.source < senders.end_server and _is_for_client(config, row)
    if is_balancing(row.kind):
        is_from_site_server = senders.first_site_server <= row.source < senders.end_site_server
        return is_from_site_server and _is_for_site_server(config, row)
    return senders.first <= row.source < senders.end and _is_for_server(config, row)


@jit
def _is_for_client(config, row):
    """Whether it is an answer to a client of this shard; an ACK's value is any bits, or 0 if not asked for."""
    if row.kind == kinds.ACK and row.value != 0:
        is_value = config.on_lost_lease != clients.RUN_ON
    else:
        is_value = row.value >= 0
    return config.first <= row.target < config.first + config.local and is_value


@jit
def _is_for_site_server(config, row):
    """Whether it is a message among site servers: the first one asks, hears from all, and gives orders."""
    site_servers = config.clients + config.servers
    site = row.target - site_servers
    if config.intersite_interval == 0 or not config.first_site <= site < config.first_site + config.local_sites:
        return False
    if row.kind == kinds.ASK_REPORT:
        return row.source == site_servers + LEADER
    if row.kind == kinds.REPORT:
        return site == LEADER and min(row.value, row.program, row.attempt) >= 0
    if row.kind == kinds.TAKE:
        return row.source == site_servers + LEADER and 0 < row.program <= config.sites and row.value >= 0
    return row.kind == kinds.GIVE and row.value >= 0


@jit
def _is_for_server(config, row):
    """Whether it is a client's message for a server, or its notice for an observer, that lives in this shard."""
    server = row.target - config.clients
    if row.kind == kinds.REQUEST and not 0 <= row.value < LICENSES_MAX:
        return False
    if is_for_service(row.kind) or is_for_host(row.kind):
        return config.first_server <= server < config.first_server + config.local_servers
    site = server - config.servers - config.sites
    return (
        is_notice(row.kind)
        and config.first_site <= site < config.first_site + config.local_sites
        and row.value // config.members == site
    )
