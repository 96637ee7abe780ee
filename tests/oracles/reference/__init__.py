"""The contract once more, in plain Python: slow, direct, and written without a look at the engine.

`simulate(scenario, seed)` runs one replication of a scenario on the virtual clock and returns the metrics
of `experiments/README.md` under their names. Everything hangs off one `World`; clients and servers meet only in
`Network.send`. Time is in seconds from the start of the warm-up. Where the contract (`actors/README.md`) leaves
room, the choice is marked CHOICE.
"""

from oracles.reference.defaults import complete
from oracles.reference.metrics import metrics
from oracles.reference.world import World


def simulate(scenario: dict, seed: int) -> dict[str, float | None]:
    """One replication; the metrics by their names."""
    world = World(complete(scenario), seed)
    world.run()
    return metrics(world)
