"""Whether servers and clients agree at the end on who holds what."""

from typing import Any, NamedTuple

import numpy as np

from ..state import clients
from ..state.rows import NONE
from ..state.servers import LIVE, LOST
from .slice import Slice

HOLDING = np.dtype([("client", "i8"), ("slot", "i8"), ("program", "i8"), ("server", "i8")])


class Books(NamedTuple):
    """What one process has on its books at the end: rows of HOLDING."""

    held: Any  # a client's: programs that run under a lease, as it knows
    leased: Any  # a server's: leases of programs that run under them, as its observer knows
    lost: Any  # a server's: leases that it has lost in a crash, or reclaimed, while their programs ran on


def books(world: Slice) -> Books:
    """Return the books of a process."""
    leases = world.world.leases.view(np.ndarray)
    if world.server is None:
        return Books(_held(world), _holdings(leases[:0]), _holdings(leases[:0]))
    return Books(
        _holdings(leases[:0]),
        _holdings(leases[leases["state"] == LIVE]),
        _holdings(leases[leases["state"] == LOST]),
    )


def unexplained(found: list[Books]) -> list[str]:
    """Return in words the programs that run under a lease that no server has or has lost."""
    known = {row for one in found for rows in (one.leased, one.lost) for row in rows.tolist()}
    held = [row for one in found for row in one.held.tolist()]
    return [f"client {c}, slot {j}, program {n} at server {s}" for c, j, n, s in held if (c, j, n, s) not in known]


def _held(world: Slice) -> Any:
    """Return what the clients of a process hold."""
    config, slots = world.world.config[0], world.world.slots.view(np.ndarray)
    metered = np.flatnonzero((slots["state"] == clients.METERED) & (slots["lease"] != NONE))
    rows = np.zeros(len(metered), HOLDING)
    rows["client"], rows["slot"] = config.first + metered // config.programs, metered % config.programs
    rows["program"], rows["server"] = slots["program"][metered], slots["lease"][metered]
    return rows


def _holdings(leases: Any) -> Any:
    rows = np.zeros(len(leases), HOLDING)
    for name in HOLDING.names or ():
        rows[name] = leases[name]
    return rows
