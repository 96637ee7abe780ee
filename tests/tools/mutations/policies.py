"""Mutations of policies."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("decorrelated jitter forgets its last wait", "policies/failover.py",
     "last_s = max(self.base_s, memory[0])", "last_s = self.base_s",
     "evidence/theory/test_retries.py::test_tries_for_ever_with_jitter[decorrelated-jitter-1.0-60.0]"),
    Mutation("a request is given up one server early", "policies/failover.py",
     "if link.failures < link.servers else give_up()", "if link.failures + 1 < link.servers else give_up()",
     "evidence/theory/test_sweeps.py::test_asking_the_next_server_on_denial_makes_one_pool[10]"),
    Mutation("a server without a license takes requests", "policies/admission.py",
     "admit() if arrival.free > 0 else refuse()", "admit() if arrival.free >= 0 else refuse()",
     "evidence/theory/test_sweeps.py::test_a_split_pool_denies_by_its_parts[4]"),
]  # fmt: skip
