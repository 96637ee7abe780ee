"""Mutations of tables made from a scenario."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("shards: third shards are told too late", "actors/layout.py",
     "*(max(0, ns) for ns in sooner)", "*(0 for ns in sooner)",
     "actors/shards/test_windows.py::test_a_release_reaches_those_who_wait_for_it"),
    Mutation("admission policies are asked only beside a limit", "actors/build.py",
     'servers.queue_limit > 0 or scenario.policies.admission.name != "fifo"', "servers.queue_limit > 0",
     "evidence/keys/test_workload_keys.py::test_the_admission_policy_refuses[1-3]"),
    Mutation("sites: who stays at home goes anywhere", "actors/build.py",
     'if clients.failover_to == "any-site"', "if clients.failover_to",
     "actors/agents/site/test_sites_apart.py::test_a_fault_stays_at_its_site"),
]  # fmt: skip
