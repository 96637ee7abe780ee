"""Every license is in one place: leased, reserved, free, in transit, or with a site server."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from meterstorm.actors.state import kinds
from meterstorm.actors.state.servers import GHOST, LIVE, RESERVED

from oracles.audit.tables import Tables, columns

RANKS = {RESERVED: 0, GHOST: 1, LIVE: 2}  # who has a license that several share

IN_POOLS = ("allocated", "free", "leased", "reserved")


def check(tables: Tables) -> None:
    """Pools, products and leases agree."""
    shape = (tables.config.sites, tables.config.members, tables.config.products)
    pools = {name: tables.world.pools[name].reshape(shape) for name in IN_POOLS}
    products = tables.world.products.reshape(tables.config.sites, tables.config.products)
    _owned(tables, pools, products)
    _held(tables)
    assert (pools["free"] + pools["leased"] + pools["reserved"] == pools["allocated"]).all()
    assert min(value.min() for value in (*pools.values(), products["in_transit"], products["reserve"])) >= 0
    _leased(tables, pools, products)
    _within_rights(tables)
    _shared(tables)


def shipped(tables: Tables) -> Any:
    """Licenses on their way between sites, by product."""
    moving, _ = _moving(tables, between_sites=True)
    return np.bincount(moving["product"], moving["value"], minlength=tables.config.products)


def _moving(tables: Tables, between_sites: bool) -> tuple[Any, Any]:
    """Messages with licenses, and the servers that these leave or go to."""
    moving = tables.alive[np.isin(tables.alive["kind"], (kinds.TAKEN, kinds.GIVE))]
    servers = np.minimum(moving["source"], moving["target"]) - tables.config.clients
    chosen = (servers >= tables.config.servers) == between_sites
    return moving[chosen], servers[chosen]


def _owned(tables: Tables, pools: dict[str, Any], products: Any) -> None:
    """Each site's licenses are allocated, in transit, or kept by its site server."""
    moved = np.zeros(products.shape, int)
    moving, servers = _moving(tables, between_sites=False)
    np.add.at(moved, (tables.site_of[servers], moving["product"]), moving["value"])
    assert (moved == products["in_transit"]).all()
    known = pools["allocated"].sum(axis=1) + products["in_transit"] + products["reserve"] + products["lapsed"]
    assert (known == products["owned"] + products["copies"]).all()
    assert tables.config.keeps_until_ack or not products["copies"].any()
    if not tables.config.has_terms or tables.config.tenure:  # else a license may be in use at two servers
        assert (products["leased"] <= products["owned"] + products["copies"]).all()
        assert tables.config.keeps_until_ack or tables.control.overissued <= 0


def _held(tables: Tables) -> None:
    """Site servers' books have what servers have in their terms; who has not heard of its latest has lapsed."""
    servers, shape = tables.world.servers, (tables.config.servers, tables.config.products)
    held, allocated, lapsed = (tables.world.pools[name].reshape(shape) for name in ("held", "allocated", "lapsed"))
    assert not allocated[servers["lapsed"] == 1].any() and not lapsed[servers["lapsed"] == 0].any()
    is_current = servers["term"] == servers["site_term"]
    if tables.config.tenure:
        assert (servers["lapsed"][~is_current] == 1).all()
        assert (servers["until"] <= servers["renewed"] + tables.config.tenure).all()
    known = np.where(is_current[:, None], allocated + lapsed, 0)
    moving, of = _moving(tables, between_sites=False)
    in_term = moving["attempt"] == servers["site_term"][of]
    np.add.at(known, (of[in_term], moving["product"][in_term]), moving["value"][in_term])
    if not tables.config.keeps_until_ack:
        assert (held == known).all()
        here = held.reshape(tables.config.sites, -1, tables.config.products).sum(axis=1)
        products = tables.world.products.reshape(tables.config.sites, tables.config.products)
        assert (here + products["reserve"] == products["owned"]).all()


def _leased(tables: Tables, pools: dict[str, Any], products: Any) -> None:
    """Pools and products count the leases that there are."""
    names = ("state", "server", "product", "count")
    state, server, product, count = (tables.leases[name] for name in names)
    ghosts, reserved = state == GHOST, state == RESERVED
    holds = np.isin(state, (LIVE, GHOST))
    pool = server
    if tables.config.shared_pool:
        pool = server // tables.config.members * tables.config.members
    for name, rows in (("leased", holds), ("reserved", reserved)):
        counted = np.zeros((tables.config.servers, tables.config.products), int)
        np.add.at(counted, (pool[rows], product[rows]), count[rows])
        assert (counted == pools[name].reshape(counted.shape)).all(), name
    for name, rows in (("leased", holds), ("ghosts", ghosts)):
        counted = np.zeros(products.shape, int)
        np.add.at(counted, (tables.site_of[server][rows], product[rows]), count[rows])
        assert (counted == products[name]).all(), name
        assert counted.sum() == tables.control[name], name


def _within_rights(tables: Tables) -> None:
    """No client has more than its cap, and what is kept for some is free."""
    config, pools = tables.config, tables.world.pools
    first_pool = tables.world.servers["first_pool"]
    held = np.zeros((pools.size, config.clients), int)
    rows = tables.leases[np.isin(tables.leases["state"], (LIVE, GHOST, RESERVED))]
    np.add.at(held, (first_pool[rows["server"]] + rows["product"], rows["client"]), rows["count"])
    for p, pool in enumerate(pools):
        server, product = divmod(p, config.products)
        row = tables.world.products[tables.site_of[server] * config.products + product]
        assert not row.cap or held[p].max() <= row.cap, "a cap"
        favored = held[p, row.first_favored : row.last_favored + 1]
        if row.favored_row:
            favored = held[p, tables.world.groups == row.favored_row]
        assert favored.sum() == pool.favored, "what the favored have"
        assert max(0, pool.earmarked - pool.favored) <= pool.free, "what is kept is free"


def _shared(tables: Tables) -> None:
    """Of licenses that are shared, as many are in use at a server as clients have leases there, times tokens."""
    world, shared = tables.world, defaultdict(list)
    for s, product, client, state, count in columns(
        tables.leases, "server", "product", "client", "state", "count"
    ):
        if state in RANKS and world.products[tables.site_of[s] * tables.config.products + product].shared:
            shared[s, product, client].append((RANKS[state], count))
    for group in shared.values():
        assert sum(count > 0 for _, count in group) == 1, "one of them has the license"
        assert max(group)[1] > 0, "a program that runs has it, or else a ghost"
    clients = Counter((s, product) for (s, product, _), group in shared.items() if max(group)[0] > 0)
    for (s, product), number in clients.items():
        tokens = world.sizes[world.products[product].first_size].count
        leases = tables.leases[(tables.leases["server"] == s) & (tables.leases["product"] == product)]
        leased = leases["count"][np.isin(leases["state"], (LIVE, GHOST))].sum()
        assert leased == number * tokens, f"server {s} leases {leased} to {number} clients"
