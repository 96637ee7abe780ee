"""Mutations of the wall clock: what is on disk, and what is told of processes that could not keep up."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("wall: answers leave before what they answer is committed", "actors/wall/arrivals.py",
     '            self._db.execute("COMMIT")\n', "",
     "actors/wall/test_nodes.py::test_no_answer_leaves_before_its_request_is_on_disk"),
    Mutation("wall: who falls behind is hardly ever named", "actors/wall/outcome.py",
     "late.late > LATE_SHARE * late.events", "late.late > 20 * LATE_SHARE * late.events",
     "actors/wall/test_outcome.py::test_each_process_with_more_than_one_in_a_hundred_late_is_named"),
    Mutation("wall: a run does not say that it fell behind", "experiments/runs/run.py",
     "        results.warnings += fallen_behind(results)\n", "        fallen_behind(results)\n",
     "experiments/runs/test_warnings.py::test_a_run_that_fell_behind_the_clock_names_arm_replication_and_process"),
    Mutation("wall: what is due at the end and has not left is forgotten", "actors/wall/node.py",
     "            self._unsent += sum(len(rows) // EVENT.itemsize", "            sum(len(rows) // EVENT.itemsize",
     "actors/cluster/test_wall_faults.py::test_what_is_due_when_a_server_stands_still_to_the_end_is_unsent"),
    Mutation("wall: round trips end after a second", "actors/wall/measures.py",
     'self.histogram.add(rows["time"][awaited] - self._sent[i, place])',
     'self.histogram.add(np.minimum(rows["time"][awaited] - self._sent[i, place], 10**9))',
     "actors/cluster/test_wall_faults.py::test_a_freeze_shows_in_the_high_quantiles_of_round_trips"),
]  # fmt: skip
