"""Mutations of what the driver does with Ray: calls, losses, warnings, and what is left."""

from tools.mutations.mutation import Mutation

CALLS = "actors/cluster/test_ray_calls.py"
GUARD = "actors/cluster/test_guard.py"
SAID = "actors/cluster/test_said.py"
STARTS = "actors/cluster/test_starts.py"

MUTATIONS = [
    Mutation("Ray: an interrupt does not wait for the end of its call", "actors/cluster/failures.py",
     "        wait([answer], ENDING_S)\n        raise", "        raise",
     f"{CALLS}::test_a_call_that_an_interrupt_hits_has_ended_when_that_is_raised"),
    Mutation("Ray: it is asked though it is lost", "actors/cluster/failures.py",
     "    check_ray()\n    answer: Future", "    answer: Future",
     f"{CALLS}::test_where_ray_is_lost_nothing_is_asked_of_it"),
    Mutation("Ray: the link to a session is removed, whosever it is", "actors/cluster/guard.py",
     "        if Path(os.readlink(latest)).name == name:\n", "        if latest.is_symlink():\n",
     f"{GUARD}::test_only_the_session_of_its_driver_is_removed"),
    Mutation("Ray: sessions are removed that were there before", "actors/cluster/guard.py",
     "        _kill_newborn(driver)\n        ours |= sessions(place, driver) - others",
     "        _kill_newborn(driver)\n        ours |= sessions(place, driver)",
     f"{GUARD}::test_only_the_session_of_its_driver_is_removed"),
    Mutation("Ray: warnings are told each time", "actors/cluster/said.py",
     "if line.text not in self._told:", "if line.text:",
     f"{SAID}::test_each_text_is_told_once_with_who_has_said_it"),
    Mutation("Ray: warnings are collected for ever", "actors/cluster/said.py",
     "        logging.getLogger(LOGGER).removeHandler(collector)\n", "        pass\n",
     f"{SAID}::test_only_warnings_of_our_own_are_collected_and_only_meanwhile"),
    Mutation("Ray: shards start again from a checkpoint that is not there", "actors/cluster/shard_set.py",
     "if checkpoints.exist() else", "if True else",
     f"{STARTS}::test_what_shards_are_started_again_from_is_told[kept0-the beginning of their world]"),
    Mutation("Ray: shards wait no longer for a policy than for who joins", "actors/cluster/host.py",
     "Mesh(shard, shards, key, silence_s=SILENCE_S)", "Mesh(shard, shards, key)",
     f"{STARTS}::test_a_shard_waits_for_another_whose_balancing_takes_its_time"),
    Mutation("Ray: of what it says of versions only the first line is told", "actors/cluster/connection.py",
     'said = " ".join(reason.split())', 'said = reason.partition("\\n")[0]',
     "actors/cluster/test_addresses.py::test_what_ray_says_of_versions_that_differ_is_told_whole"),
    Mutation("CPUs: only the group at the top has a quota", "actors/cluster/cpus.py",
     "if root in folder.parents)", "if False)",
     "actors/cluster/test_cpus.py::test_of_nested_groups_the_least_quota_is_kept"),
    Mutation("CPUs: any controller's group counts", "actors/cluster/cpus.py",
     'if not controllers or CPU in controllers.split(","):', "if True:",
     "actors/cluster/test_cpus.py::test_of_nested_groups_of_the_first_version_that_of_its_cpu_controller_counts"),
]  # fmt: skip
