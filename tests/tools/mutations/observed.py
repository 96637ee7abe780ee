"""Times drawn from observed ones: each mutation must be noticed by a test."""

from tools.mutations.mutation import Mutation

KEYS = "evidence/keys/test_workload_keys.py::"
TIMES = "actors/setup/test_observations.py::"

MUTATIONS = [
    Mutation("observed: the largest is never drawn", "actors/randomness/distributions.py",
     "streams.uniform(bits) * np.float64(size))", "streams.uniform(bits) * np.float64(size - 1))",
     TIMES + "test_mean_and_quantiles_of_draws_are_those_observed"),
    Mutation("observed: they are in the file's order", "actors/setup/observations.py",
     "times = np.sort(np.round(", "times = (np.round(",
     TIMES + "test_times_are_in_order_and_in_whole_nanoseconds"),
    Mutation("observed: a run time is a part of the mean", "actors/setup/config.py",
     'return 1.0 if distribution == "empirical" else mean_s * SECOND', "return mean_s * SECOND",
     KEYS + "test_observed_run_times_are_drawn_as_often_as_they_were_observed"),
    Mutation("observed: all slots of a client launch as often as one", "actors/setup/config.py",
     "_scale(work.launch, work.launch_interval_s) * streams_per_client",
     "_scale(work.launch, work.launch_interval_s)",
     KEYS + "test_observed_intervals_are_drawn_as_often_as_they_were_observed[2]"),
]  # fmt: skip
