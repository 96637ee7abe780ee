"""Ways to break the model, by the room of the code that each one changes."""

from tools.mutations import (
    client,
    comparisons,
    denials,
    engine,
    messaging,
    policies,
    queue,
    server,
    setup,
    shards,
    site,
    state,
    sweeps,
)
from tools.mutations.mutation import Mutation

MUTATIONS: list[Mutation] = [
    mutation
    for room in (
        client,
        denials,
        server,
        site,
        messaging,
        queue,
        engine,
        setup,
        shards,
        state,
        policies,
        comparisons,
        sweeps,
    )
    for mutation in room.MUTATIONS
]
