"""Mutations of the loop, and of what keeps compiled code."""

from tools.mutations.mutation import Mutation

KEPT = "actors/compiled/test_kept.py"

MUTATIONS = [
    Mutation("compiled: functions count from one in each process", "actors/compiled/jit.py",
     "itertools.count(secrets.randbits(62))", "itertools.count(1)",
     f"{KEPT}::test_policies_that_another_process_has_compiled_are_not_mixed_up"),
    Mutation("compiled: files of code are numbered", "actors/compiled/kept.py",
     "self._data_name(secrets.randbits(62))", "self._data_name(len(names) + 1)",
     f"{KEPT}::test_of_two_that_write_at_the_same_time_neither_is_found_as_the_other"),
    Mutation("queue: room is asked for before a bucket takes it", "actors/engine/loop.py",
     "        time = calendar.next_time(world)  # which may open a bucket, and so takes room\n"
     "        if control.crowd > 0 or not has_room(world):\n            return GROW\n",
     "        if not has_room(world):\n            return GROW\n        time = calendar.next_time(world)\n"
     "        if control.crowd > 0:\n            return GROW\n",
     "actors/engine/test_growth.py::test_a_bucket_that_just_fills_the_heap_leaves_room_for_what_follows[0]"),
    Mutation("queue: a slot has room for a timer once only", "actors/engine/loop.py",
     "    world.slots[slot_row].timer = kinds.FREE\n", "",
     "evidence/invariants/test_drawn_scenarios.py::test_the_books_balance[0]"),
    Mutation("sites: refusals in the ring are not counted", "actors/engine/invariants.py",
     "range(control.transit_begin, control.transit_end)", "range(control.transit_end, control.transit_end)",
     "actors/shards/test_site_windows.py::test_who_may_leave_is_counted_at_every_instant"),
]  # fmt: skip
