"""Mutations of what rows say of themselves, and of sums in two words."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("shards: waits in other shards do not count", "actors/state/control.py",
     'Field("wait_max", MAX)', 'Field("wait_max", LOCAL)',
     "actors/shards/test_determinism.py::test_shards_do_not_matter[0]"),
    Mutation("sums: what a low word cannot hold is lost", "actors/records/sums.py",
     "row.high += total >> LOW_BITS", "row.high += 0",
     "actors/records/test_sums.py::test_a_sum_is_exact"),
    Mutation("sums: the warm-up is measured too", "actors/records/ledger.py",
     "max(world.control[0].now, world.config[0].measure_from) // 1000", "world.control[0].now // 1000",
     "evidence/keys/test_run_keys.py::test_the_warm_up_is_not_measured_but_its_programs_run_on[100.0]"),
]  # fmt: skip
