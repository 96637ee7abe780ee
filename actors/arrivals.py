"""What another shard may send: messages of its agents to this shard's, no sooner than this shard has come.

Rows index tables without another check, so none is filed that would lead elsewhere.
"""

from . import kinds
from .intersite import LEADER
from .jit import inlined, jit
from .world import WANTS_CALLBACK


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
            or row.flag & ~WANTS_CALLBACK != 0
            or not _is_right(config, row, senders)
        ):
            return k
    return -1


@inlined
def _is_right(config, row, senders):
    """Whether a message of its kind goes from there to its target, with such a value."""
    if kinds.GRANT <= row.kind <= kinds.CALLBACK:
        return senders.first_server <= row.source < senders.end_server and _is_for_client(config, row)
    if kinds.ASK_REPORT <= row.kind <= kinds.GIVE:
        is_from_site_server = senders.first_site_server <= row.source < senders.end_site_server
        return is_from_site_server and _is_for_site_server(config, row)
    return senders.first <= row.source < senders.end and _is_for_server(config, row)


@jit
def _is_for_client(config, row):
    """Whether it is an answer to a client of this shard."""
    return config.first <= row.target < config.first + config.local and row.value >= 0


@jit
def _is_for_site_server(config, row):
    """Whether it is a message among site servers, of which the first asks, hears of all, and orders."""
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
    if kinds.REQUEST <= row.kind <= kinds.KEPT_RELEASE:
        return config.first_server <= server < config.first_server + config.local_servers
    site = server - config.servers - config.sites
    is_notice = row.kind == kinds.NOTICE or row.kind == kinds.NOT_TAKEN  # noqa: PLR1714 - quicker than a tuple
    return (
        is_notice
        and config.first_site <= site < config.first_site + config.local_sites
        and row.value // config.members == site
    )
