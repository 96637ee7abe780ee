"""The settings of a client: those of its group, of the rest, or of all clients where there are no groups.

World-wide values, such as its sizes, are in row 0 of `world.config`. That row also summarizes all clients: whether
any fails back, which time-out is the shortest (`setup/config.py` has the list).
"""

from ..compiled.jit import inlined


@inlined
def of_agent(world, agent):
    """Return the row of `world.config` of any client of the world, by its agent number."""
    if world.groups.size == 0:
        return world.config[0]
    return world.config[world.groups[agent]]


@inlined
def of_client(world, i):
    """Return the row of `world.config` of client `i` of this shard."""
    return of_agent(world, world.config[0].first + i)


@inlined
def row_of_client(world, i):
    """Return the number of that row."""
    return 0 if world.groups.size == 0 else world.groups[world.config[0].first + i]
