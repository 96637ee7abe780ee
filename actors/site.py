"""The site server: every balancing interval it asks the servers for reports and moves free licenses.

Take before give: a license leaves one pool before it enters another, so none is ever in two. What could not be
delivered stays in the site server's reserve until the next cycle. Only under a balancing policy that says so
(`keeps_until_ack`, KB Q269547) the sender keeps the license until the receiver has acknowledged it.
"""

from . import kinds
from .jit import jit
from .messages import send, set_timer
from .status import BALANCE


@jit
def handle(world, kind, source, product, value):
    """Handle one event of the site server."""
    control = world.control[0]
    if kind == kinds.BALANCE:
        _ask(world)
    elif kind == kinds.REPORTS_DUE:
        _close(world)
    elif kind == kinds.REPORT and control.collecting:
        world.servers[value].reported = 1
        control.reports += 1
        if control.reports == world.config[0].servers:
            _close(world)
    elif kind == kinds.TAKEN:
        world.products[product].in_transit -= value
        world.products[product].reserve += value
        config = world.config[0]
        if config.keeps_until_ack:
            world.pools[(source - config.clients) * config.products + product].unacknowledged += value
        _give_out(world, product)
    elif kind == kinds.GIVEN:
        _acknowledge(world, product, value)


@jit
def start(world):
    """Set the site server's first timer."""
    config = world.config[0]
    if config.balance_interval > 0:
        agent = config.clients + config.servers
        set_timer(world, kinds.BALANCE, agent, config.balance_interval, 0, 0, 0)


@jit
def _ask(world):
    config = world.config[0]
    control = world.control[0]
    site = config.clients + config.servers
    set_timer(world, kinds.BALANCE, site, control.now + config.balance_interval, 0, 0, 0)
    set_timer(world, kinds.REPORTS_DUE, site, control.now + config.report_patience, 0, 0, 0)
    control.collecting = 1
    control.reports = 0
    for s in range(config.servers):
        world.servers[s].reported = 0
        send(world, kinds.ASK_REPORT, site, config.clients + s, s, 0, 0, 0, 0, 0, 0)


@jit
def _close(world):
    """All reports are in, or no more are waited for: let the balancing policy decide."""
    control = world.control[0]
    if control.collecting:
        control.collecting = 0
        if control.reports > 0:
            control.status = BALANCE


@jit
def carry_out(world):
    """Order the moves that lead to the targets in `world.pools`; the balancing policy has set them."""
    config = world.config[0]
    site = config.clients + config.servers
    for product in range(config.products):
        for s in range(config.servers):
            pool = world.pools[s * config.products + product]
            pool.need = 0
            if world.servers[s].reported:
                pool.need = max(0, pool.target - pool.reported_allocated)
        _give_out(world, product)
        for s in range(config.servers):
            pool = world.pools[s * config.products + product]
            surplus = pool.reported_allocated - pool.target
            if world.servers[s].reported and surplus > 0:
                send(world, kinds.TAKE, site, config.clients + s, s, 0, 0, product, 0, surplus, 0)


@jit
def _acknowledge(world, product, arrived):
    """Tell the servers that kept the licenses they sent that so many have arrived, in order of servers."""
    config = world.config[0]
    site = config.clients + config.servers
    for s in range(config.servers):
        pool = world.pools[s * config.products + product]
        count = min(pool.unacknowledged, arrived)
        if count > 0:
            arrived -= count
            pool.unacknowledged -= count
            send(world, kinds.DROP, site, config.clients + s, s, 0, 0, product, 0, count, 0)


@jit
def _give_out(world, product):
    """Give the licenses in reserve to the servers that need some, in order."""
    config = world.config[0]
    site = config.clients + config.servers
    row = world.products[product]
    for s in range(config.servers):
        pool = world.pools[s * config.products + product]
        given = min(pool.need, row.reserve)
        if given > 0:
            pool.need -= given
            if send(world, kinds.GIVE, site, config.clients + s, s, 0, 0, product, 0, given, 0):
                row.reserve -= given
                row.in_transit += given
