"""Random schedules of kills, stops and closed listeners on the wall clock: books add up, nothing is left.

usage: wall_soak.py [SCHEDULES [SEED]]. Each schedule strikes up to three servers up to four times, in worlds whose
leases are durable or not, with one or two processes for the clients. The rules: the run ends, its books balance
and its invariants hold (else it raises), every strike came, no process is left, be it a stand-by that was never
needed, and nothing in the temporary folder. Exit status 1 when a schedule breaks one.
"""

import os
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from meterstorm.actors.cluster.wall_set import WallSet
from meterstorm.actors.wall.strikes import KILL, strikes
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario

from support.processes import ENDING_S, actors, eventually
from support.walled import world

LAST_S = 6.0
KINDS = ("crash", "crash", "stall", "refusing", "slow", "unreachable")


def drawn(numbers: random.Random) -> Scenario:
    """A world with a schedule of faults."""
    servers = numbers.randint(1, 3)
    faults = []
    for _ in range(numbers.randint(1, 4)):
        kind = numbers.choice(KINDS)
        fault: dict[str, Any] = {"kind": kind, "servers": [numbers.randrange(servers)]}
        fault |= {"start_s": numbers.uniform(0.0, LAST_S - 1.0), "duration_s": numbers.uniform(0.05, 2.0)}
        faults.append(fault | ({"factor": 5.0} if kind == "slow" else {}))
    return world(
        {
            "run": {"duration_s": LAST_S, "warmup_s": 1.0, "sample_s": 1.0, "seed": numbers.randrange(1000)},
            "network": {
                "latency_ms": numbers.choice((2.0, 20.0, 100.0)),
                "jitter_ms": numbers.choice((0.0, 10.0)),
            },
            "servers": {
                "count": servers,
                "durable": numbers.random() < 0.5,
                "reclaim_after_s": 3.0,
                "scan_s": 1.0,
            },
            "clients": {
                "count": 400,
                "programs": 2,
                "connection": numbers.choice(("none", "kept")),
                "release_old": numbers.choice(("lost", "deferred")),
                "deferred_retry_s": 1.0,
            },
            "products": [{"licenses": 500}],
            "policies": {
                "failover": numbers.choice(({"name": "immediate"}, {"name": "full-jitter"})),
                "denial": numbers.choice(({"name": "give-up"}, {"name": "callback"})),
            },
            "faults": faults,
        }
    )


def hosts() -> list[int]:
    """Return the processes of a run, stand-bys among them."""
    return actors("WallHost")


def files() -> set[Path]:
    """Return what is in the temporary folder, but for what Ray itself keeps there."""
    folder = Path(tempfile.gettempdir())
    return {path for path in folder.rglob("*") if path.relative_to(folder).parts[0] != "ray"}


def check(wall_set: WallSet, scenario: Scenario, client_shards: int) -> str:
    """Run a world, check the rules, and return what happened in words."""
    end = round((scenario.run.warmup_s + scenario.run.duration_s) * 1e9)
    struck = strikes(scenario, 0, end)
    before, seen = files(), set[int]()

    def note(share: float) -> None:
        seen.update(() if seen else hosts())

    tally, measured = wall_set.simulate(scenario, 0, client_shards, 1.0, note)
    found = metrics(scenario, tally)
    assert measured.strikes == len(struck)
    assert found["grants"], "nobody was granted anything"
    assert seen, "no process was seen, so that none could be missed"
    assert eventually(lambda: not hosts(), ENDING_S), f"processes are left: {hosts()}"
    left = sorted(map(str, files() - before))
    assert not left, f"in the temporary folder are left: {left}"
    kills = sum(one.what == KILL for one in struck)
    return (
        f"{kills} kills, {len(struck) - kills} stops, {found['grants']} grants, "
        f"{found['leases_lost']} leases lost, {found['refusals']} refusals, {found['timeouts']} time-outs, "
        f"{measured.late_share:.0%} late"
    )


def main(schedules: int, seed: int) -> int:
    """Return how many schedules broke a rule."""
    broken, wall_set = 0, WallSet()
    for number in range(seed, seed + schedules):
        numbers, began_s = random.Random(number), time.monotonic()
        scenario, client_shards = drawn(numbers), numbers.randint(1, 2)
        try:
            told = check(wall_set, scenario, client_shards)
            print(f"{number}, {time.monotonic() - began_s:.0f} s: {told}", flush=True)
        except Exception:
            broken += 1
            print(f"{number}: BROKEN: {scenario.faults}", flush=True)
            traceback.print_exc()
    print(f"{schedules - broken} of {schedules} schedules kept the rules")
    return broken


def main_in_a_folder(schedules: int = 100, seed: int = 1) -> int:
    """Do that with a temporary folder of its own, Ray's included; its path is short, as sockets are below it."""
    with tempfile.TemporaryDirectory(prefix="soak-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = os.environ["RAY_TMPDIR"] = tempfile.tempdir = folder
        return main(schedules, seed)


if __name__ == "__main__":
    sys.exit(1 if main_in_a_folder(*map(int, sys.argv[1:])) else 0)
