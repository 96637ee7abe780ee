"""Balancing between sites: the messages of a site server and its servers, one level up.

Every interval the site server of site 0 asks all site servers, itself included, for reports: for each product what
the site owns, and the leases and requests that its servers last reported. The policy sees sites in place of
servers. A site that is to give is told how many licenses to take and where to send them: first from the site
server's reserve, then from its servers in proportion to what each reported free. What servers give up is forwarded
as it arrives, in parts; the receiving site server gives each license to the server that then has the most requests
for one (the method of highest averages). So servers that were in balance stay in balance.

Take before give: a license leaves a site before it is on its way, and enters another when it arrives. Nothing is
lost between site servers; what a server cannot be asked for stays where it is.
"""

from ...compiled.jit import inlined, jit
from ...messaging import network
from ...messaging.addresses import LEADER, is_local, site_server
from ...messaging.messages import next_serial, post, send, set_timer
from ...queue.letters import letter
from ...records import journal, ledger
from ...state import counters, kinds
from ...state.rows import NONE


@jit
def start(world):
    """Set the timer of the first round."""
    if world.config[0].intersite_interval > 0:
        _next_round(world)


@jit
def _next_round(world):
    control = world.control[0]
    control.next_round = control.now + world.config[0].intersite_interval
    set_timer(world, kinds.BALANCE_SITES, site_server(world, LEADER), control.next_round)


@jit
def ask(world):
    """Begin a round."""
    _next_round(world)
    leader = world.sites[LEADER]
    leader.asking = world.config[0].sites * world.config[0].products
    for site in range(world.config[0].sites):
        _tell(world, kinds.ASK_REPORT, LEADER, site)


@jit
def report(world, site):
    """Tell the leader what the site owns, and the leases and requests that its servers reported last."""
    config = world.config[0]
    for product in range(config.products):
        leased, requests = 0, 0
        for s in range(site * config.members, (site + 1) * config.members):
            pool = world.pools[s * config.products + product]
            leased += pool.reported_leased
            requests += pool.reported_requests
        owned = world.products[site * config.products + product].owned
        _tell(world, kinds.REPORT, site, LEADER, program=leased, product=product, attempt=requests, value=owned)


@jit
def note(world, report):
    """Have the leader note what a site reports of a product; return whether all reports are in."""
    site = report.source - site_server(world, 0)
    owned, leased, requests = report.value, report.program, report.attempt  # see state/kinds.py
    row = world.products[site * world.config[0].products + report.product]
    row.reported_owned = owned
    row.reported_leased = min(leased, owned)  # leases reported long ago may have ended, their licenses be gone
    row.reported_requests = requests
    world.sites[LEADER].asking -= 1
    return world.sites[LEADER].asking == 0


@jit
def carry_out(world):
    """Order the moves that lead to the targets in `world.products`: from and to sites, both in order."""
    config = world.config[0]
    for product in range(config.products):
        giver, surplus = NONE, 0
        for taker in range(config.sites):
            need = _excess(world, taker, product, -1)
            while need > 0:
                while surplus <= 0 and giver < config.sites - 1:
                    giver += 1
                    surplus = _excess(world, giver, product, 1)
                if surplus <= 0:
                    break
                count = min(need, surplus)
                _order(world, giver, taker, product, count)
                need -= count
                surplus -= count


@inlined
def _excess(world, site, product, sign):
    row = world.products[site * world.config[0].products + product]
    return sign * (row.reported_owned - row.target)


@jit
def _order(world, giver, taker, product, count):
    _tell(world, kinds.TAKE, LEADER, giver, program=taker + 1, product=product, value=count)
    if is_local(world, site_server(world, giver)):
        world.control[0].roaming += 1


@jit
def take(world, site, source, product, count, taker):
    """Send `count` licenses to the site `taker`: those in reserve at once, others as servers give them up."""
    config = world.config[0]
    if is_local(world, source):
        world.control[0].roaming -= 1
    row = world.products[site * config.products + product]
    kept = min(count, row.reserve)
    if kept > 0:
        row.reserve -= kept
        ship(world, site, taker, product, kept)
    rest, free = count - kept, 0
    for s in range(site * config.members, (site + 1) * config.members):
        free += _free(world.pools[s * config.products + product])
    for s in range(site * config.members, (site + 1) * config.members):
        here = _free(world.pools[s * config.products + product])
        part = min(here, (2 * rest * here + free) // max(1, 2 * free))  # rounded to the nearest
        free -= here
        if part > 0 and _take_from(world, site, s, product, part, taker):
            rest -= part


@jit
def _take_from(world, site, s, product, count, taker):
    """Order a server to give up licenses for another site; return whether the order will arrive."""
    config = world.config[0]
    order = letter(
        kinds.TAKE,
        site_server(world, site),
        config.clients + s,
        program=taker + 1,
        product=product,
        value=count,
    )
    if not send(world, order, s):
        return False
    world.control[0].roaming += 1
    world.pools[s * config.products + product].reported_allocated -= count  # other orders must find the rest
    return True


@inlined
def _free(pool):
    """Return how many licenses a server has free, by its last report and the orders since."""
    return max(0, pool.reported_allocated - pool.reported_leased)


@jit
def ship(world, site, taker, product, count):
    """Send licenses from a site to another."""
    row = world.products[site * world.config[0].products + product]
    row.owned -= count
    row.shipped += count
    ledger.note_overissued(world, row)  # where a server that is cut off leases on
    _tell(world, kinds.GIVE, site, taker, product=product, value=count)


@jit
def receive(world, site, product, count):
    """Take licenses in from another site: mark each as needed where it is asked for most."""
    config = world.config[0]
    row = world.products[site * config.products + product]
    row.owned += count
    row.shipped -= count
    row.reserve += count
    for _ in range(count):
        world.pools[_neediest(world, site, product)].need += 1


@inlined
def _neediest(world, site, product):
    """Return the pool of a site with the most requests for a license, counting one more; of equals, the first."""
    config = world.config[0]
    best = site * config.members * config.products + product
    for s in range(site * config.members + 1, (site + 1) * config.members):
        p = s * config.products + product
        here, there = world.pools[p], world.pools[best]
        if (here.reported_requests + 1) * _licenses(there) > (there.reported_requests + 1) * _licenses(here):
            best = p
    return best


@inlined
def _licenses(pool):
    """Return the licenses that a server has by its reports and is to get, and one more."""
    return pool.reported_allocated + pool.need + 1


@jit
def _tell(world, kind, source, target, program=0, product=0, attempt=0, value=0):
    """Send a message from one site's site server to another's."""
    config = world.config[0]
    sender, receiver = site_server(world, source), site_server(world, target)
    ledger.count(world, counters.MESSAGES)
    serial = next_serial(world, sender)
    constant = config.latency if source == target else config.wan_latency
    time = world.control[0].now + constant + network.jitter(world, sender, serial)
    message = letter(kind, sender, receiver, program=program, product=product, attempt=attempt, value=value)
    journal.note(world, journal.SENT, message, time, serial)
    post(world, message, time, serial)
