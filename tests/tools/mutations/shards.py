"""Mutations of how shards make one world."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("gauges: what a world was at the end is not told", "actors/cluster/gauges.py",
     "shard.next_time == NEVER", "False",
     "actors/cluster/test_gauges.py::test_once_set_they_are_set_at_the_end_too"),
    Mutation("gauges: they are set at every look", "actors/cluster/gauges.py",
     "self._due_s = now_s + PERIOD_S", "self._due_s = now_s",
     "actors/cluster/test_gauges.py::test_gauges_are_set_once_in_a_period"),
    Mutation("checkpoints: one without a head counts", "actors/shards/checkpoints.py",
     "(checkpoint / HEAD).exists() and not", "not",
     "actors/shards/test_checkpoint.py::test_only_whole_checkpoints_count_and_two_are_kept"),
    Mutation("checkpoints: one that was refused is tried again", "actors/shards/checkpoints.py",
     " and not (checkpoint / REFUSED).exists()", "",
     "actors/shards/test_checkpoint.py::test_the_checkpoint_before_a_damaged_one_is_used[altered]"),
    Mutation("stored runs: the summary is not the last file", "experiments/runs/folder.py",
     "        if name != SUMMARY:\n            upload(local / name, folder / name)\n"
     "    last = (local / SUMMARY).read_bytes()\n"
     "    patiently(folder, lambda: put(folder / SUMMARY, [last]), OSError)\n",
     "        upload(local / name, folder / name)\n",
     "experiments/cli/test_stored_runs.py::test_a_run_writes_into_a_store_what_it_writes_into_a_folder[more0]"),
    Mutation("stored runs: files of the run before stay", "experiments/runs/folder.py",
     "    remove(folder / SUMMARY)\n    clear(folder, kept)\n", "    remove(folder / SUMMARY)\n",
     "experiments/cli/test_stored_runs.py::test_a_prefix_is_kept_or_replaced_whole_as_a_folder_is"),
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
