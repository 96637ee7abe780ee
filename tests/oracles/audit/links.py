"""How many clients' links are in which state, by the clients' own rows."""

import numpy as np
from meterstorm.actors.state import clients, kinds
from meterstorm.actors.state.servers import CONNECTED, LOST, LOST_FOR_GOOD

from oracles.audit.tables import Tables, columns


def check(tables: Tables) -> None:
    """Clients that are not online are counted by their state, and of those that are online who is away."""
    connections = tables.world.connections
    assert tables.control.connected == connections["is_open"].sum()
    servers = tables.world.clients["server"][connections["is_open"] == 1] if len(connections) else []
    by_server = np.bincount(servers, minlength=len(tables.world.connected))
    assert by_server.tolist() == tables.world.connected.tolist() or not len(connections)
    assert len(connections) == 0 or not connections["is_open"][tables.world.clients["link"] == clients.DOWN].any()
    _check_peers(tables)
    assert count(tables.world.clients) == [tables.control[name] for name in ("away", *STATES)]


def _check_peers(tables: Tables) -> None:
    """Nobody whose connection is lost for good holds anything there."""
    if tables.config.frees_lost and tables.config.sites == 1:
        held = tables.leases[tables.leases["state"] != LOST]
        peers = tables.world.peers[held["client"] * tables.config.members + held["server"]]
        assert not (peers["state"] == LOST_FOR_GOOD).any()
        _both_ends_agree(tables)


def _both_ends_agree(tables: Tables) -> None:
    """Who has a connection, its server has it, and no other, once words are through and no fault stops them."""
    config, peers = tables.config, tables.world.peers
    talking = _talking(tables)
    for s in range(config.servers):
        if _is_in_the_way(tables, s):
            continue
        for client in range(config.clients):
            connection, peer = tables.world.connections[client], peers[client * config.members + s]
            is_here = connection.is_open and tables.world.clients[client].server == s
            own = connection.attempt if is_here else None
            if (client, s) not in talking:
                assert own == (peer.attempt if peer.state == CONNECTED else None), (client, s)


def _talking(tables: Tables) -> set[tuple[int, int]]:
    """The clients and servers between which something about a connection is on its way."""
    first = tables.config.clients
    rows = tables.events[np.isin(tables.events["kind"], (kinds.CONNECT, kinds.CONNECTED, kinds.DISCONNECT))]
    ends = (sorted(pair) for pair in columns(rows, "source", "target"))
    return {(client, server - first) for client, server in ends}


def _is_in_the_way(tables: Tables, s: int) -> bool:
    """Whether a fault holds at a server, did a latency ago, or will in one."""
    now, latency = tables.control.now, tables.config.latency
    spells = tables.world.spells[tables.world.spells_from[s] : tables.world.spells_from[s + 1]]
    some = spells[(spells["start"] <= now + latency) & (spells["end"] >= now - latency)]
    return any(some[name].any() for name in ("unreachable", "cut", "crashed", "stalled"))


STATES = {
    "retrying": clients.RETRYING,
    "searching": clients.SEARCHING,
    "offline": clients.OFFLINE,
    "down": clients.DOWN,
}


def count(rows: np.ndarray) -> list[int]:
    """Online at another server than the first, retrying, searching, offline, down."""
    away = (rows["link"] == clients.ONLINE) & (rows["server"] != rows["home"])
    return [int(away.sum()), *(int((rows["link"] == state).sum()) for state in STATES.values())]
