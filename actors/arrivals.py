"""What another shard may send: messages of its agents to this shard's, no sooner than this shard has come.

Rows index tables without another check, so none is filed that would lead elsewhere.
"""

from . import kinds
from .jit import jit
from .world import WANTS_CALLBACK


@jit
def first_wrong(world, count, first, end, first_server, end_server):
    """Return the first of `count` rows of the inbox that cannot come from whom the sender hosts, or -1.

    That is clients [first, end) and, as agents, servers [first_server, end_server).
    """
    control = world.control[0]
    config = world.config[0]
    for k in range(count):
        row = world.inbox[k]
        if (
            row.time < control.horizon
            or not 0 <= row.slot < config.programs
            or not 0 <= row.product < config.products
            or row.flag & ~WANTS_CALLBACK != 0
            or not (
                first_server <= row.source < end_server and _is_for_client(config, row)
                if kinds.GRANT <= row.kind <= kinds.CALLBACK
                else first <= row.source < end and _is_for_server(config, row)
            )
        ):
            return k
    return -1


@jit
def _is_for_client(config, row):
    """Whether it is an answer to a client of this shard."""
    return config.first <= row.target < config.first + config.local and row.value >= 0


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
