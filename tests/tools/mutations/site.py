"""Mutations of several sites."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("sites: nobody looks ahead", "actors/agents/roaming.py",
     "        control.foreign > 0\n", "        control.foreign >= 0\n",
     "actors/shards/test_site_windows.py::test_whole_sites_wait_for_little[2]"),
    Mutation("sites: refusals come unexpected", "actors/agents/roaming.py",
     "    return first + config.latency\n", "    return NEVER\n",
     "actors/shards/test_site_windows.py::test_a_storm_costs_exchanges_only_while_it_lasts[refusing]"),
    Mutation("sites: time-outs come unexpected", "actors/agents/roaming.py",
     "return min(watched, unanswered, _next", "return min(watched, _next",
     "actors/shards/test_site_windows.py::test_a_storm_costs_exchanges_only_while_it_lasts[slow]"),
    Mutation("sites: two orders count on the same licenses", "actors/agents/site/intersite.py",
     "reported_allocated -= count  #", "reported_allocated -= 0  #",
     "actors/agents/site/test_intersite.py::test_two_orders_do_not_count_on_the_same_licenses"),
    Mutation("sites: licenses are sent and kept", "actors/agents/site/intersite.py",
     "    row.owned -= count\n", "",
     "actors/agents/site/test_intersite.py::test_licenses_follow_the_demand_to_other_sites"),
    Mutation("sites: licenses leave unexpected", "actors/agents/site/intersite.py",
     "        return False\n    world.control[0].roaming += 1\n", "        return False\n",
     "actors/agents/site/test_intersite.py::test_licenses_follow_the_demand_to_other_sites"),
]  # fmt: skip
