"""A site server: every balancing interval it asks its site's servers for reports and moves free licenses.

If the balancing policy acts on shortage, a server's word brings the next cycle forward; after each cycle the next
one comes an interval later, or sooner.

Take before give: a license leaves one pool before it enters another, so none is ever in two. What could not be
delivered stays in the site server's reserve until the next cycle. It may also take back the licenses of servers
that do not answer (`terms.py`). Only under a balancing policy with `keeps_until_ack` (KB Q269547) does the sender
keep the license until the receiver has acknowledged it.
"""

from ...compiled.jit import inlined, jit
from ...messaging.addresses import ALL_SITES, LEADER, site_server
from ...messaging.messages import send, set_timer
from ...messaging.protocol import is_balancing
from ...queue.letters import letter
from ...state import kinds
from ...state.rows import NEVER
from ...state.status import BALANCE
from . import intersite, terms


@jit
def handle(world, k, message):
    """Handle one event of a site server."""
    kind = message.kind
    if is_balancing(kind) and message.source >= site_server(world, 0):
        _handle_peer(world, k, message)
    elif kind == kinds.BALANCE:
        if world.control[0].now == world.sites[k].due:
            _ask(world, k)
    elif kind == kinds.SHORT:
        _on_shortage(world, k)
    elif kind == kinds.BALANCE_SITES:
        intersite.ask(world)
    elif kind == kinds.REPORTS_DUE:
        _close(world, k)
    elif kind == kinds.REPORT:
        _on_report(world, k, message.value)
    elif kind == kinds.TAKEN:
        _on_taken(world, k, message)
    elif kind == kinds.GIVEN:
        _acknowledge(world, k, message.product, message.value)


@jit
def _handle_peer(world, k, message):
    """Handle a message of a site server."""
    kind = message.kind
    if kind == kinds.ASK_REPORT:
        intersite.report(world, k)
    elif kind == kinds.REPORT:
        if intersite.note(world, message):
            world.control[0].balancing = ALL_SITES
            world.control[0].status = BALANCE
    elif kind == kinds.TAKE:
        intersite.take(world, k, message.source, message.product, message.value, message.program - 1)
    elif kind == kinds.GIVE:
        intersite.receive(world, k, message.product, message.value)
        _give_out(world, k, message.product)


@jit
def _on_report(world, k, s):
    site = world.sites[k]
    if site.collecting and not world.servers[s].reported:  # one of the last cycle may be late
        world.servers[s].reported = 1
        site.reports += 1
        if site.reports == world.config[0].members:
            _close(world, k)


@jit
def _on_taken(world, k, message):
    """Take licenses that a server has given up: into the reserve, or on to the site that they are for."""
    config, product, count = world.config[0], message.product, message.value
    row = world.products[k * config.products + product]
    row.in_transit -= count
    is_void = terms.note_taken(world, message)
    if message.program > 0:
        world.control[0].roaming -= 1
    if is_void:
        return
    if message.program > 0:
        intersite.ship(world, k, message.program - 1, product, count)
        return
    row.reserve += count
    if config.keeps_until_ack:
        s = message.source - config.clients
        world.pools[s * config.products + product].unacknowledged += count
    _give_out(world, k, product)


@jit
def start(world, k):
    """Set a site server's first timer."""
    if k == LEADER:
        intersite.start(world)
    _begin_at(world, k, _next_by_time(world))


@inlined
def _next_by_time(world):
    """Return when a cycle begins if no server is short of licenses before."""
    interval = world.config[0].balance_interval
    return world.control[0].now + interval if interval > 0 else NEVER


@jit
def _begin_at(world, k, time):
    """Have the next cycle begin at a time."""
    world.sites[k].due = time
    set_timer(world, kinds.BALANCE, site_server(world, k), time)


@jit
def _on_shortage(world, k):
    """Have the next cycle begin at once, or as soon as the latest one is long enough ago."""
    time = max(world.control[0].now, world.sites[k].began + world.config[0].shortage_gap)
    if time < world.sites[k].due:
        _begin_at(world, k, time)


@inlined
def _servers(world, k):
    """Return the site's servers."""
    members = world.config[0].members
    return range(k * members, (k + 1) * members)


@jit
def _ask(world, k):
    config = world.config[0]
    control = world.control[0]
    sender = site_server(world, k)
    world.sites[k].began = control.now
    _begin_at(world, k, _next_by_time(world))
    set_timer(world, kinds.REPORTS_DUE, sender, control.now + config.report_patience)
    world.sites[k].collecting = 1
    world.sites[k].reports = 0
    for s in _servers(world, k):
        world.servers[s].reported = 0
        term = world.servers[s].site_term
        send(world, letter(kinds.ASK_REPORT, sender, config.clients + s, attempt=term), s)


@jit
def _close(world, k):
    """Stop waiting for reports, and let the balancing policy decide."""
    control = world.control[0]
    site = world.sites[k]
    if site.collecting:
        site.collecting = 0
        if site.reports > 0:
            if world.config[0].has_terms:
                terms.review(world, k)
            control.balancing = k
            control.status = BALANCE


@jit
def carry_out(world, k):
    """Order the moves that lead to the targets in `world.pools`; the balancing policy has set them."""
    config = world.config[0]
    for product in range(config.products):
        for s in _servers(world, k):
            pool = world.pools[s * config.products + product]
            pool.need = 0
            if world.servers[s].reported:
                pool.need = max(0, pool.target - pool.reported_allocated)
        _give_out(world, k, product)
        for s in _servers(world, k):
            _take_surplus(world, k, s, product)


@jit
def _take_surplus(world, k, s, product):
    """Order a server to give up what it has beyond its target."""
    config = world.config[0]
    pool = world.pools[s * config.products + product]
    surplus = pool.reported_allocated - pool.target
    if world.servers[s].reported and surplus > 0:
        order = letter(kinds.TAKE, site_server(world, k), config.clients + s, product=product, value=surplus)
        if send(world, order, s):
            pool.reported_allocated -= surplus


@jit
def _acknowledge(world, k, product, arrived):
    """Tell servers that kept the licenses they sent how many have arrived, in order of servers."""
    config = world.config[0]
    sender = site_server(world, k)
    for s in _servers(world, k):
        pool = world.pools[s * config.products + product]
        count = min(pool.unacknowledged, arrived)
        if count > 0:
            arrived -= count
            pool.unacknowledged -= count
            send(world, letter(kinds.DROP, sender, config.clients + s, product=product, value=count), s)


@jit
def _give_out(world, k, product):
    """Give the licenses in reserve to the servers that need some, in order."""
    config = world.config[0]
    sender = site_server(world, k)
    row = world.products[k * config.products + product]
    for s in _servers(world, k):
        pool = world.pools[s * config.products + product]
        given = min(pool.need, row.reserve)
        if given > 0:
            pool.need -= given
            gift = letter(
                kinds.GIVE,
                sender,
                config.clients + s,
                product=product,
                attempt=world.servers[s].site_term,
                value=given,
            )
            if send(world, gift, s):
                pool.reported_allocated += given
                pool.held += given
                row.reserve -= given
                row.in_transit += given
