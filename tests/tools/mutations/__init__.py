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
    groups,
    hooks,
    logs,
    lost_leases,
    messaging,
    observed,
    policies,
    queue,
    rights,
    server,
    setup,
    shards,
    sharing,
    site,
    state,
    sweeps,
    whatif,
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
        hooks,
        server,
        rights,
        sharing,
        site,
        messaging,
        queue,
        engine,
        setup,
        observed,
        faults,
        lost_leases,
        groups,
        shards,
        state,
        policies,
        comparisons,
        sweeps,
        whatif,
        logs,
    )
    for mutation in room.MUTATIONS
]
