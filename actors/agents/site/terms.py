"""A site server takes back what servers have that it no longer hears of: tenures and terms.

A server may use its licenses for a tenure; each cycle the site server renews that for those that have reported.
One that does not report in a cycle that closes when its tenure has run out by the site server's own reckoning
loses its licenses: they go into the reserve, and a new term of that server begins, in which it has none.

Why no license is ever leased twice, whatever is late, lost or down:

1. A RENEW says when it was sent. A server counts its tenure from the latest sending that it has word of in its
   present term (`server.until`), the site server from the latest sending of all, arrived or not (`server.renewed`,
   of a term that begins with the run: its start). So the server's end comes first or at the same instant, however
   long a message is under way and whether or not it arrives, and both read the same clock.
2. At its end, down or not, a server has no lease left and nothing to grant (`server/tenure.lapse`). At one instant
   that comes before what a site server does: servers have the smaller numbers in the total order.
3. The site server's books (`pool.held`) have what it gave to a server in this term, less what has come back. They
   cover what the server has and what is on its way to or from it. So what it takes back is all that there was.
4. What is of an earlier term is void from then on: a RENEW and a GIVE at a server that has heard of a later term,
   TAKEN licenses at the site server. A server hears of its new term with the first question, RENEW or GIVE of it,
   and whatever it had put aside is void, too. It can have used none of that since 2.

The clock of a server that runs slow, which would break 1, is not modeled. Without a tenure, under a balancing
policy that takes over, a term ends with the first cycle in which a server does not report. Then 1 and 2 do not
hold: a server that is only cut off goes on until it hears of its new term, and leases what others lease, too.
"""

from ...compiled.jit import inlined, jit
from ...messaging.addresses import site_server
from ...messaging.messages import send
from ...queue.letters import letter
from ...state import kinds
from ...state.rows import SECOND


@jit
def review(world, k):
    """End the terms that are over, as the cycle's reports are in, and renew the tenures of those that reported."""
    members = world.config[0].members
    for s in range(k * members, (k + 1) * members):
        if _is_over(world, s):
            _take_back(world, k, s)
        if world.servers[s].reported:
            _renew(world, k, s)


@inlined
def _is_over(world, s):
    """Whether a server's term is over, by what the site server knows."""
    config, server = world.config[0], world.servers[s]
    if config.tenure > 0:
        return world.control[0].now >= server.renewed + config.tenure
    return server.reported == 0


@jit
def _take_back(world, k, s):
    """Begin a server's next term, in which it has no licenses."""
    products = world.config[0].products
    world.servers[s].site_term += 1
    for product in range(products):
        pool, row = world.pools[s * products + product], world.products[k * products + product]
        row.reserve += pool.held
        row.lapsed -= pool.held
        pool.held = 0
        pool.reported_allocated = 0
        pool.reported_leased = 0


@jit
def _renew(world, k, s):
    server, now = world.servers[s], world.control[0].now
    server.renewed = now
    word = letter(
        kinds.RENEW,
        site_server(world, k),
        world.config[0].clients + s,
        program=now // SECOND,
        attempt=server.site_term,
        value=now % SECOND,
    )
    send(world, word, s)


@jit
def note_taken(world, message):
    """Enter what a server has given up; return whether it is void, as it was taken back before."""
    config, product, count = world.config[0], message.product, message.value
    s = message.source - config.clients
    if message.attempt < world.servers[s].site_term:
        world.products[world.servers[s].first_product + product].lapsed += count
        return True
    world.pools[s * config.products + product].held -= count
    return False
