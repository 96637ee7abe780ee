"""Break the model on purpose, one mutation at a time: does a test notice? (`make mutants`)

Each mutation is applied to a copy of the sources, which the named tests then import. A wrong model must fail an
assertion or violate an invariant of the engine; one that does not compile proves nothing. Exit status 1 when a
mutation survives, proves nothing, or no longer fits the sources. Arguments: words of the mutations to try.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("actors", "policies", "experiments")
AT_ONCE = 2
PATIENCE_S = 900
PROBE = "from meterstorm import actors, policies; print(*actors.__path__, *policies.__path__)"

# name, file, old text (exactly once there), new text, test that should notice, within tests/
MUTATIONS = [
    ("a license is released twice", "actors/granting.py",
     "(world, s, product, -1)\n    leases.remove(world, lease)\n",
     "(world, s, product, -1)\n    leases.remove(world, lease)\n    callbacks.license_freed(world, s, product)\n",
     "evidence/theory/test_loss_systems.py::test_erlang_b_whatever_the_run_time[exponential]"),
    ("a repeated request takes a second license", "actors/granting.py",
     "].state == leases.LOST:\n        lost, lease", "].state != leases.RESERVED:\n        lost, lease",
     "evidence/theory/test_retries.py::test_n_retries_under_loss[0.3-3]"),
    ("a retry is not counted", "actors/link.py",
     "        ledger.count(world, RETRIES)\n", "        pass\n",
     "evidence/theory/test_retries.py::test_sms_as_documented_stops_trying"),
    ("a failure of a request is not counted", "actors/link.py",
     "client.flight).failures += 1", "client.flight).failures += 0",
     "evidence/theory/test_retries.py::test_n_retries_under_loss[0.3-1]"),
    ("tries are remembered after a failover", "actors/link.py",
     "    client.server = server\n    client.tries_here = 0\n", "    client.server = server\n",
     "evidence/theory/test_retries.py::test_tries_for_ever_at_a_fixed_pace"),
    ("answers are never lost", "actors/network.py",
     "    if loss == 0.0:\n", "    if loss == 0.0 or source >= world.config[0].clients:\n",
     "evidence/theory/test_retries.py::test_n_retries_under_loss[0.3-1]"),
    ("decorrelated jitter forgets its last wait", "policies/failover.py",
     "last_s = max(self.base_s, memory[0])", "last_s = self.base_s",
     "evidence/theory/test_retries.py::test_tries_for_ever_with_jitter[decorrelated-jitter-1.0-60.0]"),
    ("a time-out cancels the work", "actors/server.py",
     "duration = _service_time(world, s, event.kind)\n",
     "duration = _service_time(world, s, event.kind)\n"
     "        duration *= control.now - event.time <= world.config[0].request_timeout\n",
     "evidence/theory/test_storms.py::test_an_overload_outlives_its_trigger_where_retries_exceed_the_capacity"),
    ("a lost release leaves no ghost", "actors/holding.py",
     "0, attempt, 0, 0):\n        notify(world, kinds.NOTICE, agent, j, program, server, 0)\n",
     "0, attempt, 0, 0):\n        pass\n",
     "evidence/theory/test_leases.py::test_ghosts_last_until_a_scan_reclaims_them"),
    ("a late grant is kept in silence", "actors/client.py",
     "server != slot.asked):  # noqa: PLR1714\n        holding.release(world, i, j, program, server)\n",
     "server != slot.asked):\n        pass\n",
     "evidence/theory/test_leases.py::test_late_grants_are_released_at_once"),
    ("leases are reclaimed too early", "actors/server.py",
     "heard + config.reclaim_after <= now", "heard + config.reclaim_after // 2 <= now",
     "evidence/theory/test_leases.py::test_ghosts_last_until_a_scan_reclaims_them"),
    ("a heartbeat refreshes nothing", "actors/granting.py",
     "                leases.refresh(world, lease, row.attempt)\n", "                pass\n",
     "evidence/theory/test_leases.py::test_leases_without_heartbeats_are_reclaimed"),
    ("a run begins at the grant under after-start", "actors/client.py",
     "before_start == 0:\n        run_time =", "before_start == 2:\n        run_time =",
     "evidence/theory/test_leases.py::test_leases_last_as_long_as_runs"),
    ("misplaced and stranded are swapped", "actors/granting.py",
     "return MISPLACED\n            cause = STRANDED", "return STRANDED\n            cause = MISPLACED",
     "evidence/theory/test_loss_systems.py::test_causes_of_denials"),
    ("exhausted licenses are called ghosts", "actors/granting.py",
     "stock + product].ghosts > 0", "stock + product].ghosts >= 0",
     "evidence/theory/test_loss_systems.py::test_causes_of_denials"),
    ("licenses given were never taken", "actors/stock.py",
     "    pool.allocated -= count\n", "",
     "evidence/agreement/test_reference_agreement.py::test_both_measure_the_same[licenses follow the demand]"),
    ("one more may wait than the queue limit says", "actors/server.py",
     "server.waiting >= config.queue_limit", "server.waiting > config.queue_limit",
     "evidence/theory/test_queues.py::test_mm1k[queue-5-0.9]"),
    ("the last to arrive is served first", "actors/server.py",
     "events.link(world, n).next = NONE\n    if server.tail == NONE:\n",
     "events.link(world, n).next = server.head\n    if True:\n",
     "evidence/theory/test_queues.py::test_pollaczek_khinchine[exponential-1.0]"),
    ("exponential service is constant", "actors/server.py",
     "    if config.service_exponential:\n", "    if config.service_exponential == 2:\n",
     "evidence/theory/test_queues.py::test_pollaczek_khinchine[exponential-1.0]"),
    ("a callback reserves nothing", "actors/callbacks.py",
     "    if not is_honored:\n        _caller", "    if is_honored:\n        _caller",
     "evidence/theory/test_queues.py::test_callbacks_make_a_queue[1-0.7-200000.0]"),
    ("what is reserved for a callback is free too", "actors/callbacks.py",
     "            if is_honored:\n                return", "            if is_honored:\n                break",
     "evidence/theory/test_queues.py::test_callbacks_make_a_queue[1-0.7-200000.0]"),
    ("the last to wait is called back first", "actors/callbacks.py",
     "events.link(world, n).next = NONE\n    event.time = world.control[0].now\n    if pool.queue_tail == NONE:\n",
     "events.link(world, n).next = pool.queue_head\n    event.time = world.control[0].now\n    if True:\n",
     "evidence/theory/test_queues.py::test_callbacks_make_a_queue[1-0.7-200000.0]"),
    ("sites share what they know of a client", "actors/visitors.py",
     "    if config.sites == 1:\n", "    if config.sites >= 1:\n",
     "evidence/invariants/test_drawn_scenarios.py::test_the_books_balance[0]"),
    ("nobody hears that a denied program has stopped", "actors/client.py",
     "        notify(world, kinds.NOTICE, config.first + i, j, slot.program, client.server, 0)\n", "",
     "evidence/agreement/test_recount.py::test_a_drawn_scenario_recounts[87]"),
    ("sites: who moves is not counted", "actors/link.py",
     "        roaming.depart(world, i)\n", "",
     "actors/shards/test_site_windows.py::test_a_storm_costs_exchanges_only_while_it_lasts[unreachable]"),
    ("sites: nobody looks ahead", "actors/roaming.py",
     "    if control.foreign > 0 or control.near > 0 or", "    if control.foreign >= 0 or",
     "actors/shards/test_site_windows.py::test_whole_sites_wait_for_little[2]"),
    ("sites: refusals come unexpected", "actors/roaming.py",
     "    return first + config.latency\n", "    return NEVER\n",
     "actors/shards/test_site_windows.py::test_a_storm_costs_exchanges_only_while_it_lasts[refusing]"),
    ("sites: time-outs come unexpected", "actors/roaming.py",
     "return min(watched, unanswered, _next", "return min(watched, _next",
     "actors/shards/test_site_windows.py::test_a_storm_costs_exchanges_only_while_it_lasts[slow]"),
    ("sites: a license elsewhere is misplaced", "actors/granting.py",
     "range(first, first + config.members)", "range(config.servers)",
     "actors/agents/site/test_sites_apart.py::test_sites_know_nothing_of_each_other"),
    ("sites: the WAN is as quick as the LAN", "actors/network.py",
     "    return config.latency if is_near(world, server, peer) else config.wan_latency\n",
     "    return config.latency\n",
     "evidence/keys/test_server_keys.py::test_the_way_to_another_site_takes_longer"),
    ("shards: a release leads nowhere", "actors/messages.py",
     "return world.config[0].on_denial == WAIT_FOR_CALLBACK", "return False",
     "actors/shards/test_windows.py::test_a_release_reaches_those_who_wait_for_it"),
    ("shards: third shards are told too late", "actors/layout.py",
     "*(max(0, ns) for ns in sooner)", "*(0 for ns in sooner)",
     "actors/shards/test_windows.py::test_a_release_reaches_those_who_wait_for_it"),
    ("queue: room is asked for before a bucket takes it", "actors/engine.py",
     "        time = calendar.next_time(world)  # which may open a bucket, and so takes room\n"
     "        if control.crowd > 0 or not has_room(world):\n            return GROW\n",
     "        if not has_room(world):\n            return GROW\n        time = calendar.next_time(world)\n"
     "        if control.crowd > 0:\n            return GROW\n",
     "actors/engine/test_growth.py::test_a_bucket_that_just_fills_the_heap_leaves_room_for_what_follows[0]"),
    ("queue: messages wait in any order", "actors/transit.py",
     "    elif not before(world, world.transit[(control.transit_end - 1) & mask], row):\n        return False\n",
     "",
     "actors/queue/test_order.py::test_ties_are_broken_by_target_source_and_serial[0]"),
    ("queue: a full ring swallows messages", "actors/transit.py",
     "control.transit_begin > mask:\n        return False\n",
     "control.transit_begin > mask:\n        return True\n",
     "actors/engine/test_growth.py::test_more_messages_at_once_than_the_ring_holds"),
    ("queue: at once, a message comes before a time-out", "actors/calendar.py",
     "control.deadline <= entry.time and", "control.deadline < entry.time and",
     "actors/queue/test_order.py::test_ties_are_broken_by_target_source_and_serial[0]"),
    ("queue: at once, the ring comes before the heap", "actors/calendar.py",
     "before(world, world.due[0], message)", "world.due[0].target < -1",
     "actors/queue/test_order.py::test_ties_are_broken_by_target_source_and_serial[0]"),
    ("an account does not know what its seats do not wait for", "actors/granting.py",
     "    world.accounts[account].abandoned = max(world.accounts[account].abandoned, attempt)\n", "",
     "evidence/invariants/test_drawn_scenarios.py::test_the_books_balance[0]"),
    ("admission policies are asked only beside a limit", "actors/build.py",
     'servers.queue_limit > 0 or scenario.policies.admission.name != "fifo"', "servers.queue_limit > 0",
     "evidence/keys/test_workload_keys.py::test_the_admission_policy_refuses[1-3]"),
    ("queue: the ring is gone round to what is far away", "actors/calendar.py",
     "        if control.cursor > turn:  #", "        if control.cursor < -1:  #",
     "actors/queue/test_calendar.py::test_launches_far_apart_are_found_at_once"),
    ("queue: a slot has room for a timer once only", "actors/engine.py",
     "    world.slots[place].timer = kinds.FREE\n", "",
     "evidence/invariants/test_drawn_scenarios.py::test_the_books_balance[0]"),
    ("queue: a slot's timer takes the place of one that waits there", "actors/messages.py",
     "if slot.timer != kinds.FREE:", "if False:",
     "actors/queue/test_calendar.py::test_a_second_timer_of_a_slot_is_an_event[0-1]"),
    ("sites: refusals in the ring are not counted", "actors/engine.py",
     "range(control.transit_begin, control.transit_end)", "range(control.transit_end, control.transit_end)",
     "actors/shards/test_site_windows.py::test_who_may_leave_is_counted_at_every_instant"),
    ("sites: two orders count on the same licenses", "actors/intersite.py",
     "            pool.reported_allocated -= part  # other orders of this round must find the rest\n", "",
     "actors/agents/site/test_intersite.py::test_a_site_gives_what_it_is_told_to[False]"),
    ("sites: licenses are sent and kept", "actors/intersite.py",
     "    row.owned -= count\n", "",
     "actors/agents/site/test_intersite.py::test_licenses_follow_the_demand_to_other_sites"),
    ("sites: licenses leave unexpected", "actors/intersite.py",
     "        ):\n            world.control[0].near += 1\n            pool", "        ):\n            pool",
     "actors/agents/site/test_intersite.py::test_licenses_follow_the_demand_to_other_sites"),
    ("sites: who stays at home goes anywhere", "actors/build.py",
     'if clients.failover_to == "any-site"', "if clients.failover_to",
     "actors/agents/site/test_sites_apart.py::test_a_fault_stays_at_its_site"),
]  # fmt: skip


def mutated(text: str, name: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        sys.exit(f"{name}: its old text must be there once, not {text.count(old)} times:\n{old}")
    return text.replace(old, new)


def run(home: Path, changed: dict[str, str], tests: list[str]) -> tuple[int, str]:
    """Run tests against a copy of the sources with some files changed; return exit status and last words."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, home / "meterstorm" / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file, text in changed.items():
        (home / "meterstorm" / file).write_text(text)
    env = os.environ | {"PYTHONPATH": str(home), "NUMBA_CACHE_DIR": str(home / "cache"), "COLUMNS": "1000"}
    probe = [sys.executable, "-c", PROBE]
    paths = subprocess.run(probe, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert all(Path(path).is_relative_to(home) for path in paths), f"not the copy is imported: {paths}"
    options = ["-q", "-x", "--tb=no", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)]
    try:
        done = subprocess.run(
            command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end within {PATIENCE_S} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, failed[0] if failed else (done.stdout + done.stderr).strip()[-200:]


def verdict(status: int, words: str) -> tuple[str, str]:
    """Say whether a mutation was noticed, and by what."""
    test, _, reason = words.removeprefix("FAILED tests/").partition(" - ")
    if status == 0:
        return "SURVIVED", ""
    if status == 1 and "InvariantViolation" in reason:
        return "caught", f"{test} (invariant)"
    if status == 1 and reason.startswith(("assert", "AssertionError")):
        return "caught", test
    return "BROKEN", words


def attempt(mutation: tuple[str, str, str, str, str]) -> tuple[str, str, str, float]:
    name, file, old, new, test = mutation
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant_") as home:
        changed = {file: mutated((ROOT / file).read_text(), name, old, new)}
        found, by = verdict(*run(Path(home), changed, [test]))
    print(f"{found}: {name}", file=sys.stderr, flush=True)
    return name, found, by, time.monotonic() - started


def main() -> int:
    chosen = [m for m in MUTATIONS if all(word in m[0] for word in sys.argv[1:])]
    if not chosen:
        sys.exit(f"no mutation has all these words: {' '.join(sys.argv[1:])}")
    for name, file, old, new, _ in chosen:
        mutated((ROOT / file).read_text(), name, old, new)
    with tempfile.TemporaryDirectory(prefix="mutant_") as home:
        status, words = run(Path(home), {}, sorted({test for *_, test in chosen}))
    if status != 0:
        sys.exit(f"the tests fail without any mutation: {words}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(attempt, chosen))
    width = max(len(name) for name, *_ in rows)
    for name, found, by, seconds in rows:
        print(f"{name:{width}}  {found:8}  {seconds:4.0f} s  {by}")
    return int(any(found != "caught" for _, found, *_ in rows))


if __name__ == "__main__":
    sys.exit(main())
