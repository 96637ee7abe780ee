"""Mutations of sites that need so many of their servers."""

from tools.mutations.mutation import Mutation

BY_HAND = "actors/setup/test_quorum.py::test_the_times_by_hand"

MUTATIONS = [
    Mutation("quorum: a server that is away twice counts twice", "actors/setup/quorum.py",
     "sum(map(bool, faults)) > spared", "sum(faults) > spared", BY_HAND),
    Mutation("quorum: one more may be away", "actors/setup/quorum.py",
     "members - scenario.servers.quorum)", "members - scenario.servers.quorum + 1)", BY_HAND),
    Mutation("quorum: all sites are one", "actors/setup/quorum.py",
     "found[server // members] for", "found[0] for", "actors/setup/test_quorum.py::test_each_site_counts_its_own"),
    Mutation("quorum: servers serve without it", "actors/setup/faults.py",
     "_states(here + lack, ", "_states(here, ", "actors/setup/test_quorum.py::test_it_is_as_if_all_refused"),
]  # fmt: skip
