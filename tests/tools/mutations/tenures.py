"""Mutations of tenures and terms, and of takeovers: who may use licenses, and until when."""

from tools.mutations.mutation import Mutation

TERMS, TENURE = "actors/agents/site/terms.py", "actors/agents/server/tenure.py"
TESTS = "actors/agents/site/test_tenures.py"
STANDBY = "actors/agents/site/test_standby.py"

MUTATIONS = [
    Mutation("tenures: the site server takes back what is still used", TERMS,
     "server.renewed + config.tenure", "server.renewed + config.tenure // 2",
     f"{TESTS}::test_a_server_that_is_not_heard_of_loses_its_licenses_when_its_tenure_is_over"),
    Mutation("tenures: no word counts", TERMS,
     "    server.renewed = now\n", "",
     f"{TESTS}::test_one_that_is_heard_of_in_time_goes_on"),
    Mutation("tenures: who is not heard of is renewed, too", TERMS,
     "        if world.servers[s].reported:\n", "        if world.servers[s].reported >= 0:\n",
     f"{TESTS}::test_a_server_that_is_not_heard_of_loses_its_licenses_when_its_tenure_is_over"),
    Mutation("tenures: they count from the word's arrival", TENURE,
     "message.program * SECOND + message.value + tenure", "world.control[0].now + tenure",
     f"{TESTS}::test_a_server_that_is_not_heard_of_loses_its_licenses_when_its_tenure_is_over"),
    Mutation("tenures: leases last longer", TENURE,
     "    while server.oldest != NONE:\n", "    while server.oldest == NONE:\n",
     f"{TESTS}::test_a_server_that_is_not_heard_of_loses_its_licenses_when_its_tenure_is_over"),
    Mutation("tenures: an earlier timer ends them", TENURE,
     "    if world.control[0].now == server.until:\n", "    if server.until > 0:\n",
     f"{TESTS}::test_one_that_is_heard_of_in_time_goes_on"),
    Mutation("tenures: each renewal has a timer", TENURE,
     "    if server.watched == 0:\n", "    if server.watched >= 0:\n",
     f"{TESTS}::test_one_timer_waits_for_the_end_of_a_tenure_however_often_it_is_renewed"),
    Mutation("tenures: what was put aside is gone", TENURE,
     "        transfers.take_in(world, s, product, count)\n", "        transfers.take_in(world, s, product, 0)\n",
     f"{TESTS}::test_what_it_put_aside_it_may_use_again_when_it_is_renewed_in_the_same_term"),
    Mutation("tenures: what was taken back may be used again", TENURE,
     "        world.pools[s * products + product].lapsed = 0\n", "        server.until = 0\n",
     f"{TESTS}::test_one_that_is_back_gets_licenses_in_the_next_cycle"),
    Mutation("standby: it takes nothing over", TERMS,
     "    return server.reported == 0\n", "    return server.reported < 0\n",
     f"{STANDBY}::test_without_a_tenure_a_server_that_is_only_cut_off_leases_on"),
    Mutation("standby: a tenure does not keep it waiting", TERMS,
     "    if config.tenure > 0:\n", "    if config.tenure < 0:\n",
     f"{STANDBY}::test_with_one_the_other_server_waits_until_the_first_has_none_in_use"),
    Mutation("standby: who is back leases on", TENURE,
     "    if server.lapsed == 0:\n        lapse(world, s)\n", "",
     f"{STANDBY}::test_without_a_tenure_a_server_that_is_only_cut_off_leases_on"),
]  # fmt: skip
