"""Licenses that a client's programs share: each mutation must be noticed by a test."""

from tools.mutations.mutation import Mutation

FILE = "actors/agents/server/sharing.py"
KEYS = "evidence/keys/test_sharing_keys.py::"
RECOUNT = "evidence/agreement/test_recount.py::test_a_chosen_scenario_recounts"

MUTATIONS = [
    Mutation("sharing: a further program takes a license", "actors/agents/server/leases.py",
     "if sharing.has_one(world, s, request.source, request.product):", "if False:",
     "evidence/theory/test_sharing.py::test_every_launch_is_decided_as_a_replay_decides_it[0]"),
    Mutation("sharing: programs of all products share", FILE,
     "lease.server == s and lease.product == product and", "lease.server == s and",
     KEYS + "test_programs_of_different_products_share_nothing"),
    Mutation("sharing: a client has one license for all servers", FILE,
     "return lease.server == s and", "return",
     KEYS + "test_a_client_takes_a_license_at_each_server"),
    Mutation("sharing: products that say nothing share, too", "actors/setup/scenario.py",
     'return product.sharing == "client"', "return True",
     KEYS + "test_a_clients_programs_share_a_license_or_do_not[layer0-1]"),
    Mutation("sharing: the first lease that ends frees the license", FILE,
     "    if lease.count > 0 and heir != NONE:\n", "    if False:\n",
     KEYS + "test_a_shared_license_is_free_when_the_last_lease_is_reclaimed[run_times0]"),
    Mutation("sharing: a reclaim takes the license of all", "actors/agents/server/granting.py",
     "    if world.config[0].shares:\n        sharing.leave(world, lease)\n"
     "    s, product, count = row.server, row.product, np.int64(row.count)\n    pool =",
     "    s, product, count = row.server, row.product, np.int64(row.count)\n    pool =",
     KEYS + "test_a_shared_license_is_free_when_the_last_lease_is_reclaimed[run_times1]"),
    Mutation("sharing: a ghost keeps the license of those that run", "actors/agents/server/leases.py",
     "        ledger.ghost(world, lease.server, lease.product, np.int64(lease.count))\n"
     "        if world.config[0].shares:\n            sharing.settle(world, n)\n",
     "        ledger.ghost(world, lease.server, lease.product, np.int64(lease.count))\n",
     KEYS + "test_a_license_is_a_ghost_only_when_all_who_share_it_are_gone"),
    Mutation("sharing: who shares a ghost's license leaves it a ghost", FILE,
     "        return 3\n", "        return 1\n",
     KEYS + "test_who_comes_back_from_a_crash_shares_what_it_left_behind[layer1-2-0]"),
    Mutation("sharing: a license that moves is no orphan's any more", FILE,
     "        if lease.orphan:\n            ledger.orphan(world, change)\n", "",
     KEYS + "test_who_comes_back_from_a_crash_shares_what_it_left_behind[layer1-2-0]"),
    Mutation("sharing: what could be shared elsewhere is not misplaced", "actors/agents/server/granting.py",
     "if room >= wanted or sharing.has_one(world, other, client, product):", "if room >= wanted:",
     KEYS + "test_a_license_that_could_be_shared_elsewhere_is_misplaced"),
    Mutation("sharing: the defect of callbacks denies who shares", "actors/agents/server/granting.py",
     "    elif wanted == 0 or (\n", "    elif (\n",
     KEYS + "test_who_shares_a_license_is_not_denied_by_the_defect_of_callbacks"),
    Mutation("sharing: each user who is called has a license reserved", "actors/agents/server/callbacks.py",
     "    wanted = leases.wanted(world, request)\n    pool.free -= wanted\n",
     "    wanted = np.int64(request.value) + 1\n    pool.free -= wanted\n",
     RECOUNT + "[shared by a client's programs, users called back from one pool]"),
    Mutation("sharing: a pool's server answers for the one that a user waits at", "actors/agents/server/leases.py",
     "    s = request.target - world.config[0].clients\n",
     "    s = world.servers[request.target - world.config[0].clients].first_pool // world.config[0].products\n",
     KEYS + "test_one_pool_does_not_tell_a_server_of_leases_at_another"),
    Mutation("sharing: a trace may not count at all", "actors/setup/traces.py",
     'bad = is_shared[rows["product"]] & (rows["count"] != usual)', 'bad = is_shared[rows["product"]]',
     "actors/setup/test_traces.py::test_programs_that_share_licenses_want_as_many_each"),
]  # fmt: skip
