"""Mutations of what rows say of themselves."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("shards: unmetered programs of other shards do not count", "actors/state/control.py",
     'Field("unmetered_area", SUM)', 'Field("unmetered_area", LOCAL)',
     "actors/shards/test_determinism.py::test_shards_do_not_matter[0]"),
]  # fmt: skip
