"""Launches of a site on the engine: with several servers, outages, and whatever else a scenario says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from pyarrow import parquet

from ..scenario import Scenario, to_toml, validate
from ..scenario.files import changed
from .demand import DAY_S, Demand
from .oracle import CALLBACK, GIVE_UP, RETRY, Fate, Rules

TRACE, SCENARIO = "launches.parquet", "scenario.toml"
SECOND = 1_000_000_000
PROGRAMS = 32  # of a client, at the most
LATENCY_MS = 1.0  # of several servers: a user asks the next one a little later
RETRIES = {"name": "retry-then-give-up", "retries": 3.0, "delay_s": 60.0}  # of a client whose server is away
ENGINE_DENIALS = (GIVE_UP, RETRY, CALLBACK)


class Place(NamedTuple):
    """Where the launches meet licenses."""

    servers: int = 1
    outages: float = 0.0  # how many times as long as the log's they are; 0: there are none
    settings: Mapping[str, object] = {}  # keys of the scenario that are set besides


class Outcome(NamedTuple):
    """What became of launches on the engine."""

    fates: list[Fate]
    most_in_use: float
    suppressed: int  # launches whose client ran as many programs as it can: they count as denied


def scenario_of(
    demand: Demand, outages: Sequence[tuple[float, float]], rules: Rules, licenses: int, place: Place, folder: Path
) -> Scenario:
    """Return a scenario that launches what was wanted; writes its trace and itself to the folder."""
    clients = _clients(demand)
    _write_trace(demand, rules, clients, folder / TRACE)
    raw = {
        "title": f"{demand.pool[1]} of {demand.pool[0]}: {licenses} licenses, servers: {place.servers}",
        "run": {"duration_s": demand.span_s, "warmup_s": 0.0, "sample_s": DAY_S},
        "network": {"latency_ms": LATENCY_MS if place.servers > 1 else 0.0},
        "servers": {"count": place.servers, "service_ms": 0.0, "reclaim_after_s": 0.0},
        "products": [{"name": demand.pool[1], "licenses": licenses, "max_per_client": rules.cap}],
        "clients": {
            "count": max(clients.values()) + 1,
            "programs": PROGRAMS,
            "heartbeat_s": 0.0,
            "enforcement": "before-start",
        },
        "workload": {"arrivals": "trace", "trace": str((folder / TRACE).resolve())},
        "policies": {"failover": RETRIES, "denial": _denial(rules), "balancing": {"name": "static"}},
        "faults": [
            _fault(begin_s, end_s, place) for begin_s, end_s in outages if _happens(begin_s, demand, place)
        ],
    }
    made = changed(validate(raw), place.settings)
    (folder / SCENARIO).write_text(to_toml(made), encoding="utf-8")
    return made


def _clients(demand: Demand) -> dict[str, int]:
    """Return a number for each user, in order of appearance."""
    return {user: n for n, user in enumerate(dict.fromkeys(launch.user for launch in demand.launches))}


def _write_trace(demand: Demand, rules: Rules, clients: Mapping[str, int], path: Path) -> None:
    launches = demand.launches
    columns = {
        "time_s": [launch.attempts_s[0] for launch in launches],
        "client": [clients[launch.user] for launch in launches],
        "run_time_s": [min(launch.hold_s, rules.timeout_s) for launch in launches],
        "product": [demand.pool[1]] * len(launches),
        "count": [launch.licenses for launch in launches],
    }
    parquet.write_table(pa.table(columns), path)


def _denial(rules: Rules) -> dict[str, Any]:
    if rules.denial != RETRY:
        return {"name": rules.denial}
    return {"name": RETRY, "delay_s": rules.delay_s, "patience_s": rules.patience_s}


def _happens(begin_s: float, demand: Demand, place: Place) -> bool:
    return place.outages > 0 and begin_s < demand.span_s


def _fault(begin_s: float, end_s: float, place: Place) -> dict[str, Any]:
    """Return an outage of the site's server; of several servers, it is that of the first."""
    duration_s = max(1.0, (end_s - begin_s) * place.outages)
    return {"kind": "crash", "servers": [0], "start_s": max(0.0, begin_s), "duration_s": duration_s}


def run(demand: Demand, rules: Rules, scenario: Scenario) -> Outcome:
    """Return what becomes of the launches of a scenario of `scenario_of`."""
    tally = simulate(scenario, keep_journal=True)
    order = _order(demand)  # the engine numbers launches by client and time
    denials, granted = np.zeros(len(order), np.int64), np.full(len(order), np.inf)
    rows = tally.journal
    heard = rows[(rows["what"] == journal.HANDLED) & (rows["target"] < scenario.clients.count)]
    denied, granting = heard[heard["kind"] == kinds.DENY], heard[heard["kind"] == kinds.GRANT]
    for program, times in Counter(denied["program"].tolist()).items():
        denials[order[program - 1]] = times
    programs, first = np.unique(granting["program"], return_index=True)
    granted[order[programs - 1]] = granting["time"][first] / SECOND
    asked = len(np.unique(rows["program"][rows["kind"] == kinds.REQUEST]))
    fates = [Fate(*fate) for fate in zip(denials.tolist(), granted.tolist(), strict=True)]
    return Outcome(fates, _most_in_use(demand, fates, rules), len(order) - asked)


def _order(demand: Demand) -> Any:
    """Return the places of launches by client and time, as the engine numbers them."""
    clients = _clients(demand)
    times = np.array([round(launch.attempts_s[0] * SECOND) for launch in demand.launches])
    return np.lexsort((times, np.array([clients[launch.user] for launch in demand.launches])))


def _most_in_use(demand: Demand, fates: Sequence[Fate], rules: Rules) -> float:
    """Return the most licenses held at once by launches that were granted."""
    edges = []
    for launch, fate in zip(demand.launches, fates, strict=True):
        if fate.granted_s < np.inf:
            begin = round(fate.granted_s * SECOND)  # ns, so that one may end as another begins
            end = begin + round(min(launch.hold_s, rules.timeout_s) * SECOND)
            edges += [(begin, 1, launch.licenses), (end, 0, -launch.licenses)]
    return float(max(np.cumsum([step for *_, step in sorted(edges)]), default=0))
