"""A snapshot of a shard's part of a world: read between two slices, without changing it."""

from typing import NamedTuple

from ..state import counters
from ..state.world import World


class Figures(NamedTuple):
    """What it is now; what is counted is counted from the start, warm-up included."""

    now_s: float  # from the end of the warm-up
    events: int
    attempts: int
    denials: dict[str, int]  # by cause
    links: dict[str, int]  # clients by the state of their link
    waiting_users: int
    queues: dict[int, int]  # requests that wait at each server that lives here
    leases: dict[int, int]  # licenses that each has leased


def figures(world: World) -> Figures:
    """Return what a shard is now."""
    config, control = world.config[0], world.control[0]
    over = slice(int(control.sample_index) + 1)
    counts = world.series.reshape(len(world.config), -1, counters.COLUMNS)[:, over].sum(axis=(0, 1))
    servers = range(int(config.first_server), int(config.first_server) + int(config.local_servers))
    leased = world.pools["leased"].reshape(-1, int(config.products)).sum(axis=1)
    return Figures(
        (int(control.now) - int(config.measure_from)) / 1e9,
        int(control.events),
        int(counts[counters.ATTEMPTS]),
        {cause: int(counts[column]) for cause, column in counters.CAUSES.items()},
        links(world),
        int(control.waiting),
        {s: int(world.servers["waiting"][s]) for s in servers},
        {s: int(leased[s]) for s in servers},
    )


def links(world: World) -> dict[str, int]:
    """Return how many clients are online at their preferred server, or away, and how many are not online."""
    control = world.control[0]
    others = {name: int(control[name]) for name in ("away", "retrying", "searching", "offline", "down")}
    return {"preferred": int(world.config[0].local) - sum(others.values()), **others}
