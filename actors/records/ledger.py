"""What happened: counters by sample, durations, and areas under states over time.

An area is kept as a sum of signed instants: minus the time when something begins, plus the time when it ends.
The reader of an area closes what has not ended (`area_us`). Sums are integers, so that shards' parts add up to the
same for any placement, and have two words, since they may outgrow 64 bits (`sums.py`). Instants are clipped to the
measured time and kept in microseconds.
"""

from typing import Any

import numpy as np

from ..compiled.jit import inlined, jit
from ..state import clients, counters
from ..state import sums as words
from ..state.rows import NONE
from . import sums

TOLERANCE = 20  # a server is balanced if it is off by at most 1 / TOLERANCE of the site's clients


@inlined
def count(world, column):
    """Count one in the current sample, for the group of the client at work."""
    world.series[world.control[0].counting + column] += 1


@inlined
def count_for(world, agent):
    """Have what is counted from now on be of the group of a client; of none, where the agent is another one.

    The loop does so for each event; who does something for another client than the event's does so, too.
    """
    if world.groups.size > 0:
        count_in(world, np.int64(world.groups[agent]) if agent < world.groups.size else np.int64(0))


@inlined
def count_in(world, row):
    """Have what is counted from now on be of a row of CONFIG."""
    control = world.control[0]
    control.row = row
    control.counting = (row * world.config[0].samples + control.sample_index) * counters.COLUMNS


@inlined
def instant(world):
    """Return now, clipped to the measured time, in whole microseconds."""
    return max(world.control[0].now, world.config[0].measure_from) // 1000


@jit
def turn(world):
    """Close the samples that have ended before now; start measuring when the warm-up is over."""
    config = world.config[0]
    control = world.control[0]
    while control.now >= control.sample_end and control.sample_index + 1 < config.samples:
        write_states(world)
        if control.measuring == 0:
            control.measuring = 1
            for p in range(world.products.size):
                product = world.products[p]
                product.distance_since = config.measure_from
                product.imbalance_max = imbalance(world, p)
        control.sample_index += 1
        control.counting += counters.COLUMNS
        control.sample_end += config.sample


@jit
def close(world):
    """Close all samples and areas at the end of the run, which is now."""
    config = world.config[0]
    control = world.control[0]
    control.now = config.end
    if control.measuring == 0 or control.sample_end < config.end:
        turn(world)
    write_states(world)
    time = instant(world)
    for s in range(world.servers.size):
        server = world.servers[s]
        if server.serving != NONE:
            server.busy_area += time
    for p in range(world.products.size):
        settle_imbalance(world, p)


@jit
def write_states(world):
    """Write the states at the end of the current sample into its row."""
    config = world.config[0]
    control = world.control[0]
    row = control.sample_index * counters.COLUMNS
    world.series[row + counters.IN_USE] = control.leased
    world.series[row + counters.GHOST_LEASES] = control.ghosts
    world.series[row + counters.WAITING_USERS] = control.waiting
    world.series[row + counters.UNMETERED_PROGRAMS] = control.unmetered
    world.series[row + counters.UNANSWERED_PROGRAMS] = control.unanswered
    _write_links(world, row)
    for s in range(world.connected.size):
        world.connected_series[control.sample_index * world.connected.size + s] = world.connected[s]
    for s in range(config.first_server, config.first_server + config.local_servers):
        _write_server(world, s, control.sample_index * config.local_servers + s - config.first_server)


@jit
def _write_links(world, row):
    """Write how many clients' links are in which state."""
    control = world.control[0]
    elsewhere = control.away + control.retrying + control.searching + control.offline + control.down
    world.series[row + counters.AT_PREFERRED] = world.config[0].local - elsewhere
    world.series[row + counters.AT_ANOTHER] = control.away
    world.series[row + counters.RETRYING] = control.retrying
    world.series[row + counters.SEARCHING] = control.searching
    world.series[row + counters.OFFLINE] = control.offline
    world.series[row + counters.DOWN] = control.down
    world.series[row + counters.CONNECTED] = control.connected


@jit
def _write_server(world, s, row):
    """Write what is seen of a server now."""
    products = world.config[0].products
    server = world.servers[s]
    sample = world.server_series[row]
    sample.licenses = sample.leases = 0
    for n in range(s * products, (s + 1) * products):
        sample.licenses += world.pools[n].allocated
        sample.leases += world.pools[n].leased
    sample.queue = server.waiting
    sample.clients = server.clients
    sample.arrivals = server.before - server.before_measured + server.arrivals  # no fault begins in the warm-up


@jit
def connected(world, server, change):
    """A client has a connection to a server from now on (+1), or none any more (-1)."""
    world.control[0].connected += change
    world.connected[server] += change


@jit
def waiting(world, change):
    """A user begins (+1) or ends (-1) to wait for a license that was denied."""
    control = world.control[0]
    control.waiting += change
    first = control.row * words.SUMS
    sums.add(world.sums[first + words.WAITING_AREA], -change * instant(world))
    world.sums[first + words.WAITING].low += change


@jit
def unmetered(world, change):
    """A program begins (+1) or ends (-1) to run without a lease."""
    control = world.control[0]
    control.unmetered += change
    first = control.row * words.SUMS
    sums.add(world.sums[first + words.UNMETERED_AREA], -change * instant(world))
    world.sums[first + words.UNMETERED].low += change


@inlined
def unanswered(world, change):
    """A program begins (+1) or ends (-1) to wait for a server's answer, or does neither (0)."""
    world.control[0].unanswered += change


@jit
def hit(world):
    """A client's server does not serve it, and a fault may be the reason."""
    world.control[0].hit += 1


@jit
def served_again(world):
    """A client that was hit has a good answer."""
    control = world.control[0]
    control.hit -= 1
    control.served_again = control.now


@inlined
def turn_link(world, client, state):
    """A client's link is in this state from now on."""
    if client.link != state:
        _turn(world.control[0], client, state)


@jit
def _turn(control, client, state):
    """As `turn_link`; takes rows alone, since a call with a whole world costs who never comes here, too."""
    count_client(control, client, -1)
    client.link = state
    count_client(control, client, 1)


@jit
def count_client(control, client, change):
    """Count a client where it is (+1), or no longer (-1): before and after its link or its server changes."""
    if client.link == clients.RETRYING:
        control.retrying += change
    elif client.link == clients.SEARCHING:
        control.searching += change
    elif client.link == clients.OFFLINE:
        control.offline += change
    elif client.link == clients.DOWN:
        control.down += change
    elif client.server != client.home:
        control.away += change


@inlined
def leased(world, s, product, change):
    """A server leases `change` more licenses of a product (negative: fewer)."""
    control = world.control[0]
    row = world.products[world.servers[s].first_product + product]
    row.leased += change
    control.leased += change
    sums.add(world.sums[words.LEASED_AREA], -change * instant(world))
    note_overissued(world, row)


@inlined
def note_overissued(world, row):
    """More licenses of a product (a row of PRODUCT) are leased at a site than before, or fewer are its own."""
    control = world.control[0]
    control.overissued = max(control.overissued, row.leased - row.owned)


@inlined
def ghost(world, s, product, change):
    """Ghosts at a server hold `change` more licenses of a product (negative: fewer)."""
    control = world.control[0]
    world.products[world.servers[s].first_product + product].ghosts += change
    control.ghosts += change
    sums.add(world.sums[words.GHOST_AREA], -change * instant(world))


@jit
def orphan(world, change):
    """Leases of `change` licenses become ghosts in a crash of their client; negative: such ghosts are gone."""
    world.control[0].orphans += change
    sums.add(world.sums[words.ORPHAN_AREA], -change * instant(world))


def area_us(row: Any, still: int, end_us: int) -> int:
    """Return the area under a count: a row of SUM, closed at the end for the `still` that have not ended."""
    return sums.value(row) + still * end_us


@inlined
def waited(world, duration):
    """A user has waited for `duration` (ns) from launch to decision."""
    control = world.control[0]
    if control.measuring:
        sums.add(world.sums[control.row * words.SUMS + words.WAITS], duration)
        control.wait_count += 1
        control.wait_max = max(control.wait_max, duration)
        histogram = control.row * counters.HISTOGRAMS + counters.WAIT
        world.histograms[histogram * counters.BINS + bin_of(duration)] += 1


@inlined
def queued(world, duration):
    """A request has waited for `duration` (ns) at a server before its service began."""
    control = world.control[0]
    count(world, counters.QUEUED)
    sums.add(world.queueing[control.sample_index], duration)
    if control.measuring:
        control.queue_count += 1
        control.queue_max = max(control.queue_max, duration)
        world.histograms[counters.QUEUE * counters.BINS + bin_of(duration)] += 1


@inlined
def bin_of(duration):
    """Return the histogram bin of a duration >= 0 ns: 32 bins an octave, so at most 3.1 % wide."""
    if duration < 64:
        return np.int64(duration)
    octave = (np.float64(duration).view(np.int64) >> 52) - 1028  # as math.frexp has it, less 6
    return np.int64((octave << 5) + (duration >> octave))


def bin_edges(n: int) -> tuple[int, int]:
    """Return the bounds [low, high) in ns of histogram bin `n`, the inverse of `bin_of`."""
    if n < 64:
        return n, n + 1
    octave = (n >> 5) - 1
    low = (32 + (n & 31)) << octave
    return low, low + (1 << octave)


@jit
def imbalance(world, p):
    """Return the imbalance of a site's product (its row) now, in [0, 1].

    Imbalance is the total-variation distance between where the site's licenses are and where its demand is.
    Demand is where its own clients are: all draw their launches alike, so a server's share of the demand is its
    share of clients, each counted at the server of its site that last heard of it. `distance` is the sum over the
    site's servers of |licenses here * all clients - clients here * all licenses|. Visitors don't count.
    """
    product = world.products[p]
    if product.allocated == 0 or product.clients == 0 or world.config[0].shared_pool:
        return 0.0
    return np.float64(product.distance) / (2.0 * np.float64(product.clients * product.allocated))


@jit
def settle_imbalance(world, p):
    """Add the area of a product's imbalance up to now, before `distance` changes."""
    control = world.control[0]
    if control.measuring:
        product = world.products[p]
        product.imbalance_area += imbalance(world, p) * np.float64(control.now - product.distance_since)
        product.distance_since = control.now


@jit
def allocation_changed(world, p):
    """Recompute the distance of a site's product (its row) after its licenses moved."""
    config = world.config[0]
    world.products[p].distance = 0
    first = p // config.products * config.members
    for s in range(first, first + config.members):
        world.products[p].distance += _term(world, s, p, 0)
    _note_maximum(world, p)


@inlined
def _is_unbalanced(world, s):
    """Whether a server's share of its site's clients is more than 1 / TOLERANCE away from those that prefer it."""
    server = world.servers[s]
    return TOLERANCE * abs(server.clients - server.preferred) > world.products[server.first_product].clients


@jit
def _count_at(world, old, s):
    """Count one of a site's clients at another server than before, and the servers that this makes or mends."""
    control = world.control[0]
    before = np.int64(_is_unbalanced(world, old)) + _is_unbalanced(world, s)
    world.servers[old].clients -= 1
    world.servers[s].clients += 1
    after = np.int64(_is_unbalanced(world, old)) + _is_unbalanced(world, s)
    control.unbalanced += after - before
    if after < before:
        control.balanced = control.now


@jit
def client_moved(world, account, server):
    """A server hears from a client of its own site that another one heard last: demand has moved."""
    config = world.config[0]
    if account >= config.known:  # a visitor
        return
    old = world.accounts[account].heard_at
    world.accounts[account].heard_at = server
    first = world.servers[server].first_product
    for p in range(first, first + config.products):
        settle_imbalance(world, p)
        product = world.products[p]
        product.distance -= _term(world, old, p, 0) + _term(world, server, p, 0)
        product.distance += _term(world, old, p, -1) + _term(world, server, p, 1)
    _count_at(world, old, server)
    for p in range(first, first + config.products):
        _note_maximum(world, p)


@jit
def _term(world, s, p, change):
    products = world.config[0].products
    product = world.products[p]
    here = world.pools[s * products + p % products].allocated * product.clients
    return abs(here - (world.servers[s].clients + change) * product.allocated)


@jit
def _note_maximum(world, p):
    if world.control[0].measuring:
        product = world.products[p]
        product.imbalance_max = max(product.imbalance_max, imbalance(world, p))


assert counters.COLUMNS == counters.CONNECTED + 1
