"""Mutations of leases that servers forget, and of what clients do then."""

from tools.mutations.mutation import Mutation

KEYS = "evidence/keys/test_lost_lease_keys.py"
CLIENT = "actors/agents/client/lost_leases.py"

MUTATIONS = [
    Mutation("lost lease: every lease that is named counts as lost", "actors/agents/server/granting.py",
     "return np.int64(np.int32(named))", "return np.int64(event.value)",
     f"{KEYS}::test_a_server_that_keeps_its_leases_loses_none[stop]"),
    Mutation("lost lease: nobody hears of it", "actors/agents/server/service.py",
     "unknown if own.on_lost_lease else 0", "0",
     f"{KEYS}::test_a_program_is_stopped_when_its_client_hears_that_its_lease_is_lost"),
    Mutation("lost lease: it is not asked for again", CLIENT,
     "client.wants |= slots.bit(j)", "client.wants |= slots.bit(j) & 0",
     f"{KEYS}::test_a_program_is_requested_anew_when_its_client_hears_that_its_lease_is_lost"),
    Mutation("lost lease: whatever is in the slot is meant", CLIENT,
     " and slots.slot_of(world, i, j).lease == client.server", "",
     f"{KEYS}::test_what_is_launched_while_a_heartbeat_is_on_its_way_is_not_meant[stop]"),
    Mutation("lost lease: its user launches nothing any more", CLIENT,
     "    slots.idle(world, i, j)\n", "",
     f"{KEYS}::test_a_program_is_stopped_when_its_client_hears_that_its_lease_is_lost"),
    Mutation("lost lease: losses are not counted", "actors/agents/server/leases.py",
     "    ledger.count(world, counters.LEASES_LOST)\n", "",
     f"{KEYS}::test_a_program_runs_on_without_its_lease"),
    Mutation("lost lease: none is spared after a crash", "actors/agents/server/server.py",
     " or now < server.spared", "",
     f"{KEYS}::test_no_lease_is_reclaimed_soon_after_a_crash[60.5-162.0]"),
    Mutation("lost lease: it is spared from the crash on, not from its end", "actors/agents/server/server.py",
     "server.spared = server.up_from +", "server.spared = world.control[0].now +",
     f"{KEYS}::test_no_lease_is_reclaimed_soon_after_a_crash[150.0-251.0]"),
]  # fmt: skip
