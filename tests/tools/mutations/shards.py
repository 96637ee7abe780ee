"""Mutations of how shards make one world."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("shards: third shards are told too late", "actors/shards/lookahead.py",
     "    return max(0, max(gains, default=0))\n", "    return 0\n",
     "actors/shards/test_windows.py::test_a_release_reaches_those_who_wait_for_it"),
    Mutation("shards: what means nothing elsewhere is added up", "actors/shards/tally.py",
     "control.LOCAL: lambda _: 0", "control.LOCAL: np.sum",
     "actors/state/test_rows.py::test_every_field_is_merged_as_it_says[now]"),
    Mutation("shards: the largest stands for the sum", "actors/shards/tally.py",
     "control.SUM: np.sum", "control.SUM: np.max",
     "actors/state/test_rows.py::test_every_field_is_merged_as_it_says[leased]"),
]  # fmt: skip
