"""Mutations of what clients do."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("a retry is not counted", "actors/link.py",
     "        ledger.count(world, RETRIES)\n", "        pass\n",
     "evidence/theory/test_retries.py::test_sms_as_documented_stops_trying"),
    Mutation("a failure of a request is not counted", "actors/link.py",
     "client.flight).failures += 1", "client.flight).failures += 0",
     "evidence/theory/test_retries.py::test_n_retries_under_loss[0.3-1]"),
    Mutation("tries are remembered after a failover", "actors/link.py",
     "    client.server = server\n    client.tries_here = 0\n", "    client.server = server\n",
     "evidence/theory/test_retries.py::test_tries_for_ever_at_a_fixed_pace"),
    Mutation("a lost release leaves no ghost", "actors/holding.py",
     "0, attempt, 0, 0):\n        notify(world, kinds.NOTICE, agent, j, program, server, 0)\n",
     "0, attempt, 0, 0):\n        pass\n",
     "evidence/theory/test_leases.py::test_ghosts_last_until_a_scan_reclaims_them"),
    Mutation("a late grant is kept in silence", "actors/client.py",
     "server != slot.asked):  # noqa: PLR1714\n        holding.release(world, i, j, program, server)\n",
     "server != slot.asked):\n        pass\n",
     "evidence/theory/test_leases.py::test_late_grants_are_released_at_once"),
    Mutation("a run begins at the grant under after-start", "actors/client.py",
     "before_start == 0:\n        run_time =", "before_start == 2:\n        run_time =",
     "evidence/theory/test_leases.py::test_leases_last_as_long_as_runs"),
    Mutation("nobody hears that a denied program has stopped", "actors/client.py",
     "        notify(world, kinds.NOTICE, config.first + i, j, slot.program, client.server, 0)\n", "",
     "evidence/agreement/test_recount.py::test_a_drawn_scenario_recounts[87]"),
    Mutation("sites: who moves is not counted", "actors/link.py",
     "        roaming.depart(world, i)\n", "",
     "actors/shards/test_site_windows.py::test_a_storm_costs_exchanges_only_while_it_lasts[unreachable]"),
]  # fmt: skip
