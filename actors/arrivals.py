"""What another shard may send: messages of its agents to this shard's, no sooner than this shard has come.

Rows index tables without another check, so none is filed that would lead elsewhere.
"""

from . import kinds
from .jit import jit
from .world import WANTS_CALLBACK


@jit
def first_wrong(world, count, first, end, hosts_servers):
    """Return the first of `count` rows of the inbox that the shard of clients [first, end) cannot send, or -1."""
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
                _from_server(config, row, hosts_servers)
                if kinds.GRANT <= row.kind <= kinds.CALLBACK
                else _from_client(config, row, first, end)
            )
        ):
            return k
    return -1


@jit
def _from_server(config, row, hosts_servers):
    """Whether it is an answer to a client of this shard, from where the servers live."""
    return (
        hosts_servers == 1
        and config.clients <= row.source < config.clients + config.servers
        and config.first <= row.target < config.first + config.local
        and row.value >= 0
    )


@jit
def _from_client(config, row, first, end):
    """Whether it is a client's message for a server, or its notice for the observer, which live in this shard."""
    if config.hosts_servers == 0 or not first <= row.source < end:
        return False
    if kinds.REQUEST <= row.kind <= kinds.KEPT_RELEASE:
        return config.clients <= row.target < config.clients + config.servers
    observer = config.clients + config.servers + 1
    is_notice = row.kind == kinds.NOTICE or row.kind == kinds.NOT_TAKEN  # noqa: PLR1714 - quicker than a tuple
    return is_notice and row.target == observer and 0 <= row.value < config.servers
