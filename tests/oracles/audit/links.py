"""How many clients' links are in which state, by the clients' own rows."""

import numpy as np
from meterstorm.actors.state import clients
from meterstorm.actors.state.servers import LOST, LOST_FOR_GOOD

from oracles.audit.tables import Tables


def check(tables: Tables) -> None:
    """Clients that are not online are counted by their state, and of those that are online who is away."""
    connections = tables.world.connections
    assert tables.control.connected == connections["is_open"].sum()
    assert len(connections) == 0 or not connections["is_open"][tables.world.clients["link"] == clients.DOWN].any()
    _check_peers(tables)
    assert count(tables.world.clients) == [tables.control[name] for name in ("away", *STATES)]


def _check_peers(tables: Tables) -> None:
    """Nobody whose connection is lost for good holds anything there."""
    if tables.config.frees_lost and tables.config.sites == 1:
        held = tables.leases[tables.leases["state"] != LOST]
        peers = tables.world.peers[held["client"] * tables.config.members + held["server"]]
        assert not (peers["state"] == LOST_FOR_GOOD).any()


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
