"""Ways to break the model, by the room of the code that each one changes."""

from tools.mutations import (
    client,
    comparisons,
    denials,
    engine,
    failback,
    faults,
    messaging,
    policies,
    queue,
    rights,
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
        failback,
        server,
        rights,
        site,
        messaging,
        queue,
        engine,
        setup,
        faults,
        shards,
        state,
        policies,
        comparisons,
        sweeps,
    )
    for mutation in room.MUTATIONS
]
