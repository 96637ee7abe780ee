"""A site server: every balancing interval it asks its site's servers for reports and moves free licenses.

Take before give: a license leaves one pool before it enters another, so none is ever in two. What could not be
delivered stays in the site server's reserve until the next cycle. Only under a balancing policy that says so
(`keeps_until_ack`, KB Q269547) the sender keeps the license until the receiver has acknowledged it.
"""

from . import intersite, kinds
from .jit import inlined, jit
from .messages import send, set_timer, site_server
from .status import BALANCE

# Functions take the site's number `k`.


@jit
def handle(world, k, kind, source, program, product, attempt, value):
    """Handle one event of a site server."""
    if source >= world.config[0].clients + world.config[0].servers and kind < kinds.NOTICE:
        _handle_peer(world, k, kind, source, program, product, attempt, value)
        return
    config = world.config[0]
    site = world.sites[k]
    if kind == kinds.BALANCE:
        _ask(world, k)
    elif kind == kinds.BALANCE_SITES:
        intersite.ask(world)
    elif kind == kinds.REPORTS_DUE:
        _close(world, k)
    elif kind == kinds.REPORT and site.collecting:
        world.servers[value].reported = 1
        site.reports += 1
        if site.reports == config.members:
            _close(world, k)
    elif kind == kinds.TAKEN:
        row = world.products[k * config.products + product]
        row.in_transit -= value
        if program > 0:
            world.control[0].near -= 1
            intersite.ship(world, k, program - 1, product, value)
            return
        row.reserve += value
        if config.keeps_until_ack:
            world.pools[(source - config.clients) * config.products + product].unacknowledged += value
        _give_out(world, k, product)
    elif kind == kinds.GIVEN:
        _acknowledge(world, k, product, value)


@jit
def _handle_peer(world, k, kind, source, program, product, attempt, value):
    """Handle a message of a site server."""
    if kind == kinds.ASK_REPORT:
        intersite.report(world, k)
    elif kind == kinds.REPORT:
        if intersite.note(world, source - site_server(world, 0), program, product, attempt, value):
            world.control[0].balancing = intersite.ALL_SITES
            world.control[0].status = BALANCE
    elif kind == kinds.TAKE:
        intersite.take(world, k, source, product, value, program - 1)
    elif kind == kinds.GIVE:
        intersite.receive(world, k, product, value)
        _give_out(world, k, product)


@jit
def start(world, k):
    """Set a site server's first timer."""
    config = world.config[0]
    if k == intersite.LEADER:
        intersite.start(world)
    if config.balance_interval > 0:
        set_timer(world, kinds.BALANCE, site_server(world, k), config.balance_interval, 0, 0, 0)


@inlined
def _servers(world, k):
    """Return the site's servers."""
    members = world.config[0].members
    return range(k * members, (k + 1) * members)


@jit
def _ask(world, k):
    config = world.config[0]
    control = world.control[0]
    site = site_server(world, k)
    set_timer(world, kinds.BALANCE, site, control.now + config.balance_interval, 0, 0, 0)
    set_timer(world, kinds.REPORTS_DUE, site, control.now + config.report_patience, 0, 0, 0)
    world.sites[k].collecting = 1
    world.sites[k].reports = 0
    for s in _servers(world, k):
        world.servers[s].reported = 0
        send(world, kinds.ASK_REPORT, site, config.clients + s, s, 0, 0, 0, 0, 0, 0)


@jit
def _close(world, k):
    """All reports are in, or no more are waited for: let the balancing policy decide."""
    control = world.control[0]
    site = world.sites[k]
    if site.collecting:
        site.collecting = 0
        if site.reports > 0:
            control.balancing = k
            control.status = BALANCE


@jit
def carry_out(world, k):
    """Order the moves that lead to the targets in `world.pools`; the balancing policy has set them."""
    config = world.config[0]
    site = site_server(world, k)
    for product in range(config.products):
        for s in _servers(world, k):
            pool = world.pools[s * config.products + product]
            pool.need = 0
            if world.servers[s].reported:
                pool.need = max(0, pool.target - pool.reported_allocated)
        _give_out(world, k, product)
        for s in _servers(world, k):
            pool = world.pools[s * config.products + product]
            surplus = pool.reported_allocated - pool.target
            if (
                world.servers[s].reported
                and surplus > 0
                and send(world, kinds.TAKE, site, config.clients + s, s, 0, 0, product, 0, surplus, 0)
            ):
                pool.reported_allocated -= surplus


@jit
def _acknowledge(world, k, product, arrived):
    """Tell the servers that kept the licenses they sent that so many have arrived, in order of servers."""
    config = world.config[0]
    site = site_server(world, k)
    for s in _servers(world, k):
        pool = world.pools[s * config.products + product]
        count = min(pool.unacknowledged, arrived)
        if count > 0:
            arrived -= count
            pool.unacknowledged -= count
            send(world, kinds.DROP, site, config.clients + s, s, 0, 0, product, 0, count, 0)


@jit
def _give_out(world, k, product):
    """Give the licenses in reserve to the servers that need some, in order."""
    config = world.config[0]
    site = site_server(world, k)
    row = world.products[k * config.products + product]
    for s in _servers(world, k):
        pool = world.pools[s * config.products + product]
        given = min(pool.need, row.reserve)
        if given > 0:
            pool.need -= given
            if send(world, kinds.GIVE, site, config.clients + s, s, 0, 0, product, 0, given, 0):
                pool.reported_allocated += given
                row.reserve -= given
                row.in_transit += given
