"""Mutations of what rows say of themselves, and of sums in two words."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("shards: waits in other shards do not count", "actors/state/control.py",
     'Field("wait_max", MAX)', 'Field("wait_max", LOCAL)',
     "actors/shards/test_determinism.py::test_shards_do_not_matter[0]"),
    Mutation("sums: what a low word cannot hold is lost", "actors/records/sums.py",
     "row.high += total >> LOW_BITS", "row.high += 0",
     "actors/records/test_sums.py::test_a_sum_is_exact"),
]  # fmt: skip
