"""Mutations of tables made from a scenario."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("admission policies are asked only beside a limit", "actors/setup/config.py",
     'servers.queue_limit > 0 or scenario.policies.admission.name != "fifo"', "servers.queue_limit > 0",
     "evidence/keys/test_workload_keys.py::test_the_admission_policy_refuses[1-3]"),
    Mutation("sites: who stays at home goes anywhere", "actors/setup/scenario.py",
     'if scenario.clients.failover_to == "any-site"', "if scenario.clients.failover_to",
     "actors/agents/site/test_sites_apart.py::test_a_fault_stays_at_its_site"),
]  # fmt: skip
