"""Mutations of how shards make one world."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("gauges: what a world was at the end is not told", "actors/cluster/gauges.py",
     "shard.next_time == NEVER", "False",
     "actors/cluster/test_gauges.py::test_once_set_they_are_set_at_the_end_too"),
    Mutation("gauges: they are set at every look", "actors/cluster/gauges.py",
     "self._due_s = now_s + PERIOD_S", "self._due_s = now_s",
     "actors/cluster/test_gauges.py::test_gauges_are_set_once_in_a_period"),
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
