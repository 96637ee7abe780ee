"""How long a server may use its licenses without word from its site server: `site/terms.py` says why that is safe.

A tenure ends without anyone acting on it, at a time that both sides know. So it also ends at a server that is down
or stalled, which notices when it is back.
"""

from ...compiled.jit import jit
from ...messaging.messages import set_timer
from ...records import ledger
from ...state import kinds
from ...state.rows import NEVER, NONE, SECOND
from . import granting, leases, transfers


@jit
def start(world, s):
    """Begin the first term; its tenure counts from the start."""
    tenure = world.config[0].tenure
    world.servers[s].until = tenure if tenure > 0 else NEVER
    _watch(world, s)


@jit
def _watch(world, s):
    """Look at the end of the tenure whether it has been renewed; one timer does, however often it is."""
    server = world.servers[s]
    server.watched = server.until
    set_timer(world, kinds.LAPSE, world.config[0].clients + s, server.until)


@jit
def hear(world, s, term):
    """Note the term of a word of the site server; in a new one the server has nothing until it is given some.

    It has lapsed by then, unless another one has taken over from it.
    """
    server, products = world.servers[s], world.config[0].products
    if term <= server.term:
        return
    if server.lapsed == 0:
        lapse(world, s)
    server.term = term
    server.until = 0
    for product in range(products):
        world.pools[s * products + product].lapsed = 0


@jit
def renew(world, s, message):
    """Use the licenses of this term for a tenure from when the word was sent, unless that is over or void."""
    server, tenure = world.servers[s], world.config[0].tenure
    until = message.program * SECOND + message.value + tenure if tenure > 0 else NEVER
    if message.attempt < server.term or until <= max(server.until, world.control[0].now):
        return
    server.until = until
    if server.watched == 0:
        _watch(world, s)
    if server.lapsed:
        _resume(world, s)


@jit
def end(world, s):
    """Lapse if the tenure has not been renewed since this timer was set, else wait for its new end."""
    server = world.servers[s]
    server.watched = 0
    if world.control[0].now == server.until:
        lapse(world, s)
    elif world.control[0].now < server.until:
        _watch(world, s)


@jit
def lapse(world, s):
    """End all leases and set the licenses aside: none of them is granted, and no user is called back for one."""
    server = world.servers[s]
    server.lapsed = 1
    while server.oldest != NONE:
        granting.reclaim(world, server.oldest)
    leases.settle(world, s)
    for product in range(world.config[0].products):
        _put_aside(world, s, product)


@jit
def _put_aside(world, s, product):
    pool = world.pools[s * world.config[0].products + product]
    p = world.servers[s].first_product + product
    ledger.settle_imbalance(world, p)
    count = pool.allocated
    pool.lapsed += count
    world.products[p].lapsed += count
    world.products[p].allocated -= count
    pool.allocated = 0
    pool.free = 0
    ledger.allocation_changed(world, p)


@jit
def _resume(world, s):
    """Take up the licenses again that were put aside."""
    world.servers[s].lapsed = 0
    for product in range(world.config[0].products):
        pool = world.pools[s * world.config[0].products + product]
        count = pool.lapsed
        pool.lapsed = 0
        world.products[world.servers[s].first_product + product].lapsed -= count
        transfers.take_in(world, s, product, count)
