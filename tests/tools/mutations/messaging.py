"""Mutations of messages and the network."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("answers are never lost", "actors/messaging/network.py",
     "    if loss == 0.0:\n", "    if loss == 0.0 or message.source >= world.config[0].clients:\n",
     "evidence/theory/test_retries.py::test_n_retries_under_loss[0.3-1]"),
    Mutation("sites: the WAN is as quick as the LAN", "actors/messaging/network.py",
     "    return config.latency if in_same_site(world, server, peer) else config.wan_latency\n",
     "    return config.latency\n",
     "evidence/keys/test_server_keys.py::test_the_way_to_another_site_takes_longer"),
    Mutation("shards: a release leads nowhere", "actors/messaging/messages.py",
     "return world.config[0].calls_back != 0", "return False",
     "actors/shards/test_windows.py::test_a_release_reaches_those_who_wait_for_it"),
    Mutation("queue: a slot's timer takes the place of one that waits there", "actors/messaging/messages.py",
     "if slot.timer != kinds.FREE:", "if False:",
     "actors/queue/test_calendar.py::test_a_second_timer_of_a_slot_is_an_event[0-1]"),
    Mutation("the last of the balancing messages is of no sort", "actors/messaging/protocol.py",
     "kinds.ASK_REPORT <= kind <= kinds.RENEW", "kinds.ASK_REPORT <= kind < kinds.RENEW",
     "actors/messaging/test_protocol.py::test_each_sort_has_its_kinds[is_balancing]"),
    Mutation("what is under way reaches a server that has gone", "actors/messaging/network.py",
     "if before.unreachable or after.unreachable:", "if before.unreachable:",
     "evidence/keys/test_fault_keys.py::"
     "test_unreachable_loses_what_is_sent_or_arrives_meanwhile[10.004-10.006-the request]"),
]  # fmt: skip
