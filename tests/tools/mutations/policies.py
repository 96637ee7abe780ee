"""Mutations of policies."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("decorrelated jitter forgets its last wait", "policies/failover.py",
     "last_s = max(self.base_s, memory[0])", "last_s = self.base_s",
     "evidence/theory/test_retries.py::test_tries_for_ever_with_jitter[decorrelated-jitter-1.0-60.0]"),
]  # fmt: skip
