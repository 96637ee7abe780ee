"""All that is fitted of one product of a site, and the scenario that has it."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..logs.site import Site
from ..logs.trace import tick_of
from ..whatif.demand import Demand, demands
from . import families, habits
from .arrivals import WEEK_S, Arrivals, arrivals, operational_gaps, profile
from .bursts import Bursts, bursts
from .families import EMPIRICAL, OF_THE_ENGINE, Fit
from .habits import Away, Retries
from .spikes import Spike, spikes

LAUNCHES_MIN = 30  # fewer say nothing of a distribution
DENIED_MIN = 10  # likewise, of what denied users do
OUTAGES_MIN = 5
FITTED_MIN = 10  # fewer times are told, and not fitted
RETRY_GAPS, PATIENCE, UP, DOWN, BACK = "retry-gaps", "patience", "up", "down", "back"
WEEKS = 4
BUSY_MAX = 0.02  # share of launches that may find their client's program running: they do not happen
DRAWN = 10_000
RUN_TIMES, INTERVALS = "run_times", "launch_intervals"


class Times(NamedTuple):
    """Observed times, the fits of them, and the one that is taken."""

    values: Any
    fits: list[Fit]
    best: Fit


class Model(NamedTuple):
    """What is fitted of one product."""

    demand: Demand
    arrivals: Arrivals
    bursts: Bursts
    gaps: Times  # between launches of one user, in time that goes as fast as launches come
    holds: Times
    spikes: list[Spike]
    retries: Retries
    away: Away
    back_s: list[float | None]
    habits: dict[str, Times]  # fits of what is told of denied users and of outages; of more than a few times


def model(site: Site, product: str | None) -> Model:
    """Return what is fitted of a product, None: the one asked for most; raises ValueError for too little."""
    demand = _chosen(demands(site), product)
    name, launches = "/".join(demand.pool), demand.launches
    if len(launches) < LAUNCHES_MIN:
        raise ValueError(f"{name}: the log has {len(launches)} launches; a fit needs {LAUNCHES_MIN}")
    origin = site.facts["origin"]
    times_s = [launch.attempts_s[0] for launch in launches]
    found = arrivals(times_s, origin, demand.span_s)
    tick_s = tick_of(site.events["time_s"])
    users = defaultdict(list)
    for launch in launches:
        users[launch.user].append(launch.attempts_s[0])
    gaps = operational_gaps(users.values(), found, origin)
    if len(gaps) < LAUNCHES_MIN:
        raise ValueError(
            f"{name}: {len(gaps)} launches come after another of their user; a fit needs {LAUNCHES_MIN}"
        )
    holds = _holds(site, demand)
    tried = demands(site, habits.RETRY_WINDOW_S)[demand.pool].launches
    again = habits.retries(habits.as_logged(tried, tick_s))
    away, back_s = habits.away(site, demand.pool[0]), habits.returns_s(site, demand.pool)
    return Model(
        demand,
        found,
        bursts([launch.attempts_s[0] for launch in habits.as_logged(launches, tick_s)], found, origin, tick_s),
        _times(gaps),
        _times(holds),
        spikes(holds),
        again,
        away,
        back_s,
        {name: _times(values) for name, values in _habits(again, away, back_s) if len(values) >= FITTED_MIN},
    )


def _habits(again: Retries, away: Away, back_s: list[float | None]) -> Iterator[tuple[str, Any]]:
    yield RETRY_GAPS, again.gaps_s
    yield PATIENCE, again.patience_s
    yield UP, away.up_s
    yield DOWN, away.down_s
    yield BACK, np.array([time_s for time_s in back_s if time_s is not None])


def _chosen(known: dict[Any, Demand], product: str | None) -> Demand:
    named = [one for pool, one in known.items() if product in (None, pool[1], "/".join(pool))]
    if named:
        return named[0]
    if not known:
        raise ValueError("the log has no product of which licenses were granted")
    names = ", ".join("/".join(pool) for pool in known)
    raise ValueError(f"--product {product}: licenses were granted of {names} only")


def _holds(site: Site, demand: Demand) -> Any:
    """Return how long licenses were held that came back, as the log rounds it."""
    rows = [row for row in site.sessions.to_pylist() if (row["server"], row["product"]) == demand.pool]
    found = np.array([row["end_s"] - row["start_s"] for row in rows if row["end_s"] is not None])
    if len(found) < LAUNCHES_MIN:
        raise ValueError(f"{'/'.join(demand.pool)}: {len(found)} sessions have ended; a fit needs {LAUNCHES_MIN}")
    return found


def _times(values: Any) -> Times:
    found = families.fits(values)
    return Times(values, found, families.best(found, values))


def launching(fitted: Model) -> Fit:
    """Return the distribution of a client's intervals in the scenario: the fit of a user's, where that can be.

    An open client launches nothing while its program runs, and its first interval is no typical one. So where
    users launch again while they hold a license, or seldom and in bursts, launches come from many clients, at
    random within the hour.
    """
    gaps, holds = fitted.gaps, fitted.holds
    rng = np.random.default_rng(families.SEED)
    meets = rng.choice(gaps.values, DRAWN) < rng.choice(holds.values, DRAWN)
    settles_s = gaps.best.mean_s * (1 + gaps.best.cv**2)
    if meets.mean() <= BUSY_MAX and settles_s <= WEEK_S:
        return gaps.best
    return Fit("exponential", _clients_at_random(fitted) / fitted.arrivals.rate_per_s, 1.0, 0.0, 1.0)


def _clients_at_random(fitted: Model) -> int:
    """Return enough clients that only a few of them run a program at any time."""
    in_use = fitted.arrivals.rate_per_s * fitted.holds.best.mean_s
    return max(1, math.ceil(in_use / BUSY_MAX))


def scenario(fitted: Model, files: dict[str, str]) -> dict[str, Any]:
    """Return a scenario with what was fitted; `files` are those of the times that it draws from."""
    rate, interval, holds = fitted.arrivals.rate_per_s, launching(fitted), fitted.holds.best
    clients = max(1, round(rate * interval.mean_s))
    made: dict[str, Any] = {
        "title": f"{fitted.demand.pool[1]} of {fitted.demand.pool[0]}, as fitted",
        "run": {"duration_s": WEEKS * WEEK_S, "warmup_s": WEEK_S, "sample_s": 3600.0},
        "network": {"latency_ms": 1.0},
        "servers": {"count": 1, "service_ms": 0.0, "durable": False, "reclaim_after_s": 0.0},  # a start frees all
        "products": [_product(fitted)],
        "clients": {"count": clients, "enforcement": "before-start", "heartbeat_s": 0.0},
        "workload": {
            "arrivals": "open",
            "launch_interval_s": clients / rate,
            **_drawn("launch", interval, files.get(INTERVALS), INTERVALS),
            "run_time_s": holds.mean_s,
            **_drawn("run_time", holds, files.get(RUN_TIMES), RUN_TIMES),
            "profile": profile(fitted.arrivals),
        },
        "policies": {
            "failover": {"name": "retry-then-give-up", "retries": 3.0, "delay_s": 60.0},
            "denial": denial(fitted.retries),
            "balancing": {"name": "static"},
        },
    }
    if len(fitted.away.down_s) >= OUTAGES_MIN:
        mtbf_s, mttr_s = float(fitted.away.up_s.mean()), float(fitted.away.down_s.mean())
        made["faults"] = [{"kind": "crash", "servers": [0], "start_s": 0.0, "mtbf_s": mtbf_s, "mttr_s": mttr_s}]
    return made


def _drawn(key: str, fit: Fit, file: str | None, file_key: str) -> dict[str, Any]:
    if fit.name not in OF_THE_ENGINE:
        return {key: EMPIRICAL, file_key: file}
    return {key: fit.name, f"{key}_cv": fit.cv}


def _product(fitted: Model) -> dict[str, Any]:
    """Return the product with its licenses: those of the log, or else as many as were in use at the most."""
    demand = fitted.demand
    sizes = Counter(launch.licenses for launch in demand.launches)
    tokens = [[size, float(times)] for size, times in sorted(sizes.items())]
    owned = demand.owned[-1][1]
    licenses = most_in_use(demand) if owned == math.inf else int(owned)
    made = {"name": demand.pool[1], "licenses": licenses}
    return made | ({"tokens": tokens[0][0]} if len(tokens) == 1 else {"tokens": tokens})


def most_in_use(demand: Demand) -> int:
    """Return the most licenses that the log's grants had in use."""
    edges = []
    for launch in demand.launches:
        if launch.is_granted:
            begin_s = launch.attempts_s[-1]
            edges += [(begin_s, 1, launch.licenses), (begin_s + launch.hold_s, 0, -launch.licenses)]
    return int(max(np.cumsum([step for *_, step in sorted(edges)]), default=0))


def denial(found: Retries) -> dict[str, Any]:
    """Return what denied users do; where the log has too few of them, they give up."""
    if found.launches < DENIED_MIN or len(found.gaps_s) < DENIED_MIN:
        return {"name": "give-up"}
    return {
        "name": "constant-retry",
        "delay_s": max(1.0, float(np.median(found.gaps_s))),
        "patience_s": found.half_gone_s,
    }
