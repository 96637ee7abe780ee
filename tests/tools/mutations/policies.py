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
    Mutation("pauses: a client shown does not know that time goes on", "policies/pauses.py",
     "now_s=link.now_s + delay_s, ", "now_s=link.now_s, ",
     "policies/test_pauses.py::test_a_client_knows_its_time_its_failures_and_its_moves"),
    Mutation("pauses: a plot ends at the middle draw", "experiments/cli/policies.py",
     "places[len(places) // 2], places[-1]", "places[len(places) // 2], places[1]",
     "experiments/cli/test_policies_shown.py::test_a_bar_goes_from_the_shortest_delay_to_the_longest"),
]  # fmt: skip
