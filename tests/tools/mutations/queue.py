"""Mutations of the order of events."""

from tools.mutations.mutation import Mutation

MUTATIONS = [
    Mutation("queue: messages wait in any order", "actors/queue/transit.py",
     "    elif not before(world, world.transit[(control.transit_end - 1) & mask], row):\n        return False\n",
     "",
     "actors/queue/test_order.py::test_ties_are_broken_by_target_source_and_serial[0]"),
    Mutation("queue: a full ring swallows messages", "actors/queue/transit.py",
     "control.transit_begin > mask:\n        return False\n",
     "control.transit_begin > mask:\n        return True\n",
     "actors/engine/test_growth.py::test_more_messages_at_once_than_the_ring_holds"),
    Mutation("queue: at once, a message comes before a time-out", "actors/queue/calendar.py",
     "control.deadline <= entry.time and", "control.deadline < entry.time and",
     "actors/queue/test_order.py::test_ties_are_broken_by_target_source_and_serial[0]"),
    Mutation("queue: at once, the ring comes before the heap", "actors/queue/calendar.py",
     "before(world, world.due[0], message)", "world.due[0].target < -1",
     "actors/queue/test_order.py::test_ties_are_broken_by_target_source_and_serial[0]"),
    Mutation("queue: the ring is gone round to what is far away", "actors/queue/calendar.py",
     "        if control.cursor > turn:  #", "        if control.cursor < -1:  #",
     "actors/queue/test_calendar.py::test_launches_far_apart_are_found_at_once"),
]  # fmt: skip
