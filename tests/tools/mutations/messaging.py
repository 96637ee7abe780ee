"""Mutations of messages and the network."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("answers are never lost", "actors/network.py",
     "    if loss == 0.0:\n", "    if loss == 0.0 or source >= world.config[0].clients:\n",
     "evidence/theory/test_retries.py::test_n_retries_under_loss[0.3-1]"),
    Mutation("sites: the WAN is as quick as the LAN", "actors/network.py",
     "    return config.latency if is_near(world, server, peer) else config.wan_latency\n",
     "    return config.latency\n",
     "evidence/keys/test_server_keys.py::test_the_way_to_another_site_takes_longer"),
    Mutation("shards: a release leads nowhere", "actors/messages.py",
     "return world.config[0].on_denial == WAIT_FOR_CALLBACK", "return False",
     "actors/shards/test_windows.py::test_a_release_reaches_those_who_wait_for_it"),
    Mutation("queue: a slot's timer takes the place of one that waits there", "actors/messages.py",
     "if slot.timer != kinds.FREE:", "if False:",
     "actors/queue/test_calendar.py::test_a_second_timer_of_a_slot_is_an_event[0-1]"),
]  # fmt: skip
