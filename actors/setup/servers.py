"""The tables of servers, their pools of licenses, and what sites know of clients."""

from typing import Any

import numpy as np
from meterstorm.policies.apportionment import share_out

from ..state.allocation import extended, zeros
from ..state.rows import NONE
from ..state.servers import ACCOUNT, CALLER, LEASE, PEER, POOL, PRODUCT, SEAT, SERVER, SITE, VISITOR
from . import groups
from .partition import first_client
from .policies import PolicySet
from .scenario import Scenario, members, shares
from .sizes import first_sizes

FIRST_VISITORS = 1 << 6  # a power of two
NOBODY = groups.Named(0, -1)


def server_tables(scenario: Scenario, chosen: PolicySet, homes: Any, config: Any) -> dict[str, Any]:
    """Return the tables of the servers; what they know of clients is empty where the shard does not host them."""
    known = slice(config.known_first, config.known_first + config.known)
    accounts = _accounts(homes[known])
    strangers = FIRST_VISITORS if scenario.servers.sites > 1 else 0
    seats = (len(accounts) + strangers) * scenario.clients.programs
    return {
        "servers": _servers(scenario, chosen, homes),
        "pools": (pools := _pools(scenario, chosen)),
        "products": _products(scenario, pools),
        "sites": zeros(scenario.servers.sites, SITE),
        "admission_memory": np.zeros(scenario.servers.count * chosen.server_memory),
        "leases": zeros(0, LEASE),
        "accounts": extended(accounts, strangers),
        "peers": zeros((len(accounts) + strangers) * members(scenario) if config.frees_lost else 0, PEER),
        "seats": zeros(seats, SEAT),
        "preferred": homes[known] if chosen.drain_share else homes[:0],
        "callers": zeros(seats if chosen.has("calls_back") else 0, CALLER),
        "visitors": zeros(strangers, VISITOR),
        "visitors_from": np.full(strangers, NONE, np.int32),
    }


def _servers(scenario: Scenario, chosen: PolicySet, homes: Any) -> Any:
    count, sites, products = scenario.servers.count, scenario.servers.sites, len(scenario.products)
    servers = zeros(count, SERVER)
    for name in ("head", "tail", "serving", "oldest", "newest", "unsettled"):
        servers[name] = NONE
    servers["second_end"] = np.iinfo(np.int64).min
    servers["clients"] = servers["preferred"] = np.bincount(homes, minlength=count)
    servers["site"] = site = np.arange(count) // members(scenario)
    servers["first_client"] = first_client(scenario.clients.count, sites, site)
    servers["end_client"] = first_client(scenario.clients.count, sites, site + 1)
    servers["first_pool"] = _pooled(scenario, chosen) * products
    servers["first_product"] = site * products
    return servers


def _pooled(scenario: Scenario, chosen: PolicySet) -> Any:
    """Return at which server each has its licenses: its own, or under a shared pool the first of its site."""
    numbers = np.arange(scenario.servers.count)
    return numbers // members(scenario) * members(scenario) if chosen.is_shared else numbers


def _accounts(homes: Any) -> Any:
    accounts = zeros(len(homes), ACCOUNT)
    accounts["leases"] = NONE
    accounts["heard_at"] = homes
    return accounts


def _pools(scenario: Scenario, chosen: PolicySet) -> Any:
    count, split = scenario.servers.count, scenario.servers.split
    weights = np.ones(count) if split == "even" else np.array(split)
    allocated = np.zeros((count, len(scenario.products)), np.int64)
    for p, product in enumerate(scenario.products):
        shares = share_out(product.licenses, weights)
        np.add.at(allocated[:, p], _pooled(scenario, chosen), shares)
    pools = zeros(allocated.size, POOL)
    pools["allocated"] = pools["free"] = pools["held"] = allocated.ravel()
    pools["earmarked"] = _earmarked(scenario, allocated).ravel()
    pools["queue_head"] = pools["queue_tail"] = NONE
    return pools


def _earmarked(scenario: Scenario, allocated: Any) -> Any:
    """Return the pools' parts of the reservations, in proportion to their licenses."""
    parts = np.zeros_like(allocated)
    for p, product in enumerate(scenario.products):
        if product.reserve:
            parts[:, p] = share_out(product.reserve.licenses, allocated[:, p])
    return parts


def _products(scenario: Scenario, pools: Any) -> Any:
    sites, count = scenario.servers.sites, len(scenario.products)
    products = zeros(sites * count, PRODUCT)
    popularity = np.cumsum([product.popularity for product in scenario.products])
    products["up_to"] = np.tile(popularity / popularity[-1], sites)
    products["first_size"] = np.tile(first_sizes(scenario), sites)
    products["cap"] = np.tile([product.max_per_client for product in scenario.products], sites)
    products["shared"] = np.tile([shares(product) for product in scenario.products], sites)
    favored = [
        NOBODY if one.reserve is None else groups.named(scenario, one.reserve.clients) for one in scenario.products
    ]
    products["first_favored"], products["last_favored"], products["favored_row"] = np.tile(favored, (sites, 1)).T
    products["owned"] = products["allocated"] = pools["allocated"].reshape(sites, -1, count).sum(axis=1).ravel()
    limits = first_client(scenario.clients.count, sites, np.arange(sites + 1))
    products["clients"] = np.repeat(np.diff(limits), count)
    return products
