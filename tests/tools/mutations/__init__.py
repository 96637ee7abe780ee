"""Ways to break the model, by the room of the code that each one changes."""

from tools.mutations import (
    client,
    client_crashes,
    comparisons,
    connections,
    denials,
    engine,
    failback,
    faults,
    lost_leases,
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
        client_crashes,
        connections,
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
        lost_leases,
        shards,
        state,
        policies,
        comparisons,
        sweeps,
    )
    for mutation in room.MUTATIONS
]
