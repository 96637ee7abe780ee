"""[workload] and [policies]: what each key does, by exact counts, or by the law of a distribution."""

import math

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy.stats import gamma, lognorm

from support.lab import (
    ANSWER,
    INSTANT,
    LAST,
    LATENCY,
    SERVICE,
    at_once,
    covers,
    exactly,
    is_by_chance,
    is_mean,
    measure,
    run,
)
from support.observed import observed

# [workload]: counts. Intervals are such that the measured time holds a whole number of them, whatever the phase.

CONSTANT = {"launch": "constant", "run_time": "constant"}


def launches(workload, **clients):
    """The metrics of clients with a constant workload, after a warm-up."""
    return measure({"run": {"warmup_s": 1000.0}, "clients": clients, "workload": CONSTANT | workload})


@covers("workload.arrivals=closed", "workload.launch=constant", "workload.run_time=constant")
@pytest.mark.parametrize("run_time_s", [0.0, 30.0])
@pytest.mark.parametrize(("enforcement", "waits"), [("before-start", ANSWER), ("after-start", 0.0)])
def test_closed_users_think_launch_run_and_think(run_time_s, enforcement, waits):
    if run_time_s == 0.0:
        waits = ANSWER  # "released as soon as granted"
    workload = {"launch_interval_s": 100.0 - run_time_s - waits, "run_time_s": run_time_s}
    result = launches(workload, count=1, enforcement=enforcement)
    assert (result["launches"], result["suppressed"], result["grants"]) == (10, 0, 10)


@covers("workload.arrivals=open", "workload.launch=constant", "workload.run_time=constant")
@pytest.mark.parametrize(("run_time_s", "suppressed_each"), [(0.0, 0), (49.0, 0), (75.0, 1), (199.0, 3)])
def test_open_launches_come_whatever_the_state(run_time_s, suppressed_each):
    """One launch, then those that find it running."""
    workload = {"arrivals": "open", "launch_interval_s": 50.0, "run_time_s": run_time_s}
    result = launches(workload, count=3)
    assert result["launches"] == 3 * 20 / (1 + suppressed_each)
    assert result["suppressed"] == 3 * 20 - result["launches"]


@covers("workload.arrivals=trace", "workload.trace")
def test_a_trace_is_followed_to_the_letter():
    """At its times, from the end of the warm-up, by its clients, for its run times; busy slots suppress."""
    rows = [(-90.0, 3, 100.0), (10.0, 0, 20.0), (15.0, 0, 20.0), (40.0, 0, 7.0), (500.0, 1, 0.0)]
    result = run(rows, {"run": {"warmup_s": 100.0}})
    assert (result["launches"], result["suppressed"], result["grants"]) == (3, 1, 3)
    first = -90 + ANSWER + 100 + LATENCY
    assert result["licenses_in_use_mean"] == exactly((first + 20 + 7 + 3 * 2 * LATENCY) / LAST)


@covers("workload.trace")
def test_a_trace_may_be_parquet_and_leave_out_the_only_product(tmp_path):
    rows = {"time_s": [10.0, 20.0, 30.0], "client": [0, 1, 1], "run_time_s": [50.0, 5.0, 5.0]}
    parquet.write_table(pa.table(rows), tmp_path / "trace.parquet")
    workload = {"workload": {"arrivals": "trace", "trace": str(tmp_path / "trace.parquet")}}
    assert measure(workload) == run(list(zip(*rows.values(), strict=True)))
    assert measure(workload)["launches"] == 3


@covers("workload.launch_interval_s")
@pytest.mark.parametrize("interval_s", [20.0, 100.0, 500.0])
@pytest.mark.parametrize("programs", [1, 2])
def test_the_interval_is_a_client_s_when_open_and_a_slot_s_when_closed(interval_s, programs):
    workload = {"launch_interval_s": interval_s, "run_time_s": 0.0}
    assert (
        launches(workload | {"arrivals": "open"}, count=3, programs=programs)["launches"] == 3 * LAST / interval_s
    )
    workload["launch_interval_s"] -= ANSWER
    assert launches(workload, count=1, programs=1)["launches"] == LAST / interval_s


@covers("workload.arrivals=closed", "workload.launch_interval_s")
def test_every_slot_of_a_closed_client_thinks_by_itself():
    workload = {"launch": "constant", "launch_interval_s": 100.0, "run_time_s": 0.0}
    layer = {"run": {"warmup_s": 1000.0}, "clients": {"programs": 3}, "workload": workload}
    assert measure(INSTANT, layer)["launches"] == 4 * 3 * 10


@covers("workload.run_time_s", "workload.run_time=constant")
@pytest.mark.parametrize("run_time_s", [0.0, 7.0, 40.0])
def test_a_run_lasts_its_time(run_time_s):
    workload = {"arrivals": "open", "launch_interval_s": 100.0, "run_time_s": run_time_s}
    result = launches(workload, count=1)
    assert result["licenses_in_use_mean"] == exactly((run_time_s + 2 * LATENCY) / 100)


# [workload]: distributions. Of an open client, launches that come during a run are suppressed: for each launch,
# the renewal function of the intervals at a constant run time, or the sum of the run time's tail at a constant
# interval (Cox, Renewal Theory, 1962). Only lognormal and gamma heed the coefficient of variation.

MEAN, SHORT = 100.0, 60.0


def law(name, cv):
    """The distribution of mean 1 with a coefficient of variation."""
    if name == "lognormal":
        sigma = math.sqrt(math.log(1 + cv**2))
        return lognorm(s=sigma, scale=math.exp(-(sigma**2) / 2))
    shape = 1.0 if name == "exponential" else cv**-2
    return gamma(shape, scale=1 / shape)


def renewals(interval, time):
    """Mean number of renewals within a time, by the renewal equation m(t) = F(t) + integral of m(t - x) dF(x)."""
    chances = interval.cdf(np.linspace(0, time, 1001))
    steps = np.diff(chances)
    mean = np.zeros(1001)
    for n in range(1, 1001):
        mean[n] = chances[n] + steps[:n] @ (mean[n:0:-1] + mean[n - 1 :: -1]) / 2
    return float(mean[-1])


def suppressed_each(workload, **clients):
    """Suppressed launches for each launch of many instant clients, and the number of launches."""
    run_ = {"duration_s": 20_000.0, "warmup_s": 2000.0, "sample_s": 20_000.0}
    layer = {"run": run_, "clients": {"count": 500} | clients, "products": [{"name": "editor", "licenses": 1000}]}
    result = measure(INSTANT, layer, {"workload": {"arrivals": "open"} | workload})
    assert result["launches"] > 20_000 and result["denials"] == 0
    return result["suppressed"] / result["launches"], result["launches"]


@covers("workload.launch=exponential")
def test_exponential_intervals_have_their_law():
    workload = {"launch_interval_s": MEAN, "launch_cv": 3.0, "run_time": "constant", "run_time_s": SHORT}
    value, n = suppressed_each(workload)
    assert value == pytest.approx(SHORT / MEAN, abs=3.3 * math.sqrt(SHORT / MEAN / n))  # Poisson


@covers("workload.launch=lognormal", "workload.launch=gamma", "workload.launch_cv")
@pytest.mark.parametrize("name", ["lognormal", "gamma"])
@pytest.mark.parametrize("cv", [0.3, 0.6])
def test_other_intervals_have_their_law(name, cv):
    workload = {"launch": name, "launch_cv": cv, "launch_interval_s": MEAN}
    value, n = suppressed_each(workload | {"run_time": "constant", "run_time_s": SHORT})
    expected = renewals(law(name, cv), SHORT / MEAN)
    assert value == pytest.approx(expected, abs=3.3 * math.sqrt(expected / n))


@covers("workload.run_time=exponential", "workload.run_time=lognormal", "workload.run_time=gamma")
@covers("workload.run_time_cv")
@pytest.mark.parametrize(
    ("name", "cv"),
    [("exponential", 3.0), ("lognormal", 0.4), ("lognormal", 2.0), ("gamma", 0.4), ("gamma", 2.0)],
)
def test_run_times_have_their_law(name, cv):
    workload = {"run_time": name, "run_time_cv": cv, "run_time_s": SHORT}
    value, n = suppressed_each(workload | {"launch": "constant", "launch_interval_s": MEAN})
    run_time = law(name, cv)
    tails = [float(run_time.sf(k * MEAN / SHORT)) for k in range(1, 1000)]
    mean = sum(tails)
    variance = sum((2 * k - 1) * tail for k, tail in enumerate(tails, 1)) - mean**2
    assert value == pytest.approx(mean, abs=3.3 * math.sqrt(variance / n))


@covers("workload.run_time=empirical", "workload.run_times")
def test_observed_run_times_are_drawn_as_often_as_they_were_observed():
    times = [0.0, 30.0, 130.0, 130.0, 270.0, 990.0]
    workload = {"run_time": "empirical", "run_times": observed(times, "run_time_s"), "run_time_s": 1.0}
    value, n = suppressed_each(workload | {"launch": "constant", "launch_interval_s": MEAN})
    each = [time // MEAN for time in times]
    assert is_mean(value, np.mean(each), np.std(each), n)


@covers("workload.launch=empirical", "workload.launch_intervals")
@pytest.mark.parametrize("programs", [1, 2])
def test_observed_intervals_are_drawn_as_often_as_they_were_observed(programs):
    """A slot's are so many times as long as there are slots."""
    intervals = [21.0, 50.0, 129.0]
    workload = {"launch": "empirical", "launch_intervals": observed(intervals, "launch_interval_s")}
    workload |= {"run_time": "constant", "run_time_s": SHORT * programs}
    value, n = suppressed_each(workload, programs=programs)
    mean, square = moments(intervals, SHORT)
    assert is_mean(value, mean, math.sqrt(square - mean**2), n)


def moments(intervals, time):
    """Mean, and mean square, of the number of renewals within a time, where every interval is as likely."""
    rests = [moments(intervals, time - interval) for interval in intervals if interval <= time]
    mean = sum(1 + m for m, _ in rests)
    return mean / len(intervals), sum(1 + 2 * m + square for m, square in rests) / len(intervals)


# [workload]: the day profile multiplies the rate of launches, so those in a stretch of time are the integral of
# the factor over the interval: a whole number, whatever the phase.


@covers("workload.profile")
@pytest.mark.parametrize(
    ("profile", "hours", "integral"),
    [
        ([], 2.0, 2.0),
        ([[0, 3], [24, 3]], 2.0, 6.0),  # the same all day
        ([[5, 3]], 2.0, 6.0),
        ([[0, 0], [1, 2], [2, 0]], 0.5, 0.25),  # linear between points
        ([[0, 0], [1, 2], [2, 0]], 1.0, 1.0),
        ([[0, 0], [1, 2], [2, 0]], 2.0, 2.0),
        ([[0, 0], [1, 2], [2, 0]], 5.0, 5.0),  # repeats after the last hour
        ([[0, 0], [1, 0], [2, 2]], 1.0, 0.0),  # nobody works
        ([[0, 0], [1, 0], [2, 2]], 3.0, 1.0),
        ([[0, 0], [1, 0], [2, 2]], 4.0, 2.0),
    ],
)
def test_the_day_profile_multiplies_the_rate_of_launches(profile, hours, integral):
    workload = CONSTANT | {"arrivals": "open", "launch_interval_s": 300.0, "run_time_s": 0.0, "profile": profile}
    times = {"duration_s": 3600 * hours, "sample_s": 3600 * hours}
    result = measure(INSTANT, {"run": times, "workload": workload, "clients": {"count": 50}})
    assert result["launches"] == 50 * 12 * integral


@covers("workload.profile")
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_closed_users_think_faster_by_the_factor(factor):
    workload = {"launch": "constant", "launch_interval_s": 100.0, "run_time_s": 0.0, "profile": [[0, factor]]}
    result = measure(INSTANT, {"run": {"warmup_s": 1000.0}, "workload": workload})
    assert result["launches"] == 4 * 10 * factor


# [policies]

AWAY = {"faults": [{"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": LAST}]}


@covers("policies.failover.name")
@pytest.mark.parametrize(("retries", "delay_s"), [(0, 1.0), (1, 20.0), (3, 7.0)])
def test_the_failover_policy_decides_about_failures(retries, delay_s):
    """`retries = 3` fails over at the fourth failure."""
    failover = {"name": "retry-then-failover", "retries": retries, "delay_s": delay_s}
    layer = {"servers": {"count": 2}, "policies": {"failover": failover, "balancing": {"name": "static"}}}
    result = run([(10.0, 0, 20.0)], layer, AWAY)
    assert (result["timeouts"], result["retries"], result["failovers"]) == (retries + 1, retries, 1)
    assert (result["grants"], result["attempts"]) == (1, retries + 2)
    assert result["wait_s_max"] == exactly((retries + 1) * 5.0 + retries * delay_s + ANSWER)


@covers("policies.failover.name")
def test_never_gives_up_at_the_first_failure():
    result = run([(10.0, 0, 20.0)], {"servers": {"count": 2}}, AWAY)
    assert (result["timeouts"], result["gave_up"], result["failovers"]) == (1, 1, 0)


@covers("policies.selection.name")
@pytest.mark.parametrize(("name", "chance"), [("ring", 1.0), ("sticky-random", 1 / 3)])
def test_the_selection_policy_names_the_next_server(name, chance):
    """All clients leave server 0 of four; only its neighbor has licenses, and grants tell who went there."""
    layer = {
        "servers": {"count": 4, "service_ms": 0.0, "split": [0.0, 1.0, 0.0, 0.0]},
        "clients": {"count": 300, "assignment": [1.0, 0.0, 0.0, 0.0]},
        "products": [{"name": "editor", "licenses": 300}],
        "policies": {"failover": {"name": "immediate"}, "selection": {"name": name}},
    }
    result = run(at_once(300), layer, AWAY)
    assert result["failovers"] == result["grants"] + result["denials"] == 300
    assert is_by_chance(result["grants"], 300, chance)


@covers("policies.admission.name")
@pytest.mark.parametrize(("limit", "refused"), [(1, 3), (2, 2), (4, 0)])
def test_the_admission_policy_refuses(limit, refused):
    admission = {"admission": {"name": "bounded", "limit": limit}, "failover": {"name": "never"}}
    result = run(at_once(5), {"clients": {"count": 5}, "policies": admission})
    assert (result["overloaded"], result["grants"]) == (refused, 5 - refused)
    assert run(at_once(5), {"clients": {"count": 5}})["overloaded"] == 0


OBEDIENT = """
from typing import NamedTuple
from meterstorm.policies.failover import OVERLOADED, give_up, retry

class Obedient(NamedTuple):
    def on_failure(self, link, memory, u):
        if link.kind == OVERLOADED:
            return retry(link.retry_after_s)
        return give_up()
"""


@covers("policies.admission.name")
@pytest.mark.parametrize("retry_after_s", [0.5, 30.0])
def test_an_overloaded_answer_says_when_to_come_back(retry_after_s, tmp_path):
    """Three at once, of whom one is served and one waits; the third comes back as it was told."""
    (tmp_path / "obedient.py").write_text(OBEDIENT)
    policies = {
        "failover": {"name": f"{tmp_path}/obedient.py:Obedient"},
        "admission": {"name": "bounded", "limit": 1, "retry_after_s": retry_after_s},
    }
    result = run(at_once(3), {"policies": policies})
    assert (result["overloaded"], result["retries"], result["grants"]) == (1, 1, 3)
    assert result["wait_s_max"] == exactly(2 * LATENCY + retry_after_s + ANSWER)


@covers("policies.balancing.name")
@pytest.mark.parametrize("interval_s", [100.0, 300.0, 5000.0])
def test_the_balancing_policy_moves_licenses_to_the_demand(interval_s):
    """Half of the licenses are at a server that nobody asks, until the first cycle."""
    layer = {
        "servers": {"count": 2},
        "products": [{"name": "editor", "licenses": 4}],
        "clients": {"assignment": [1.0, 0.0]},
        "policies": {
            "failover": {"name": "never"},
            "balancing": {"name": "periodic-demand", "interval_s": interval_s},
        },
    }
    result = run([*at_once(4, run_time=20.0), *at_once(4, time=200.0, run_time=20.0)], layer)
    assert result["denials_misplaced"] == result["denials"] == (2 if interval_s < 200 else 4)
    moved = min(LAST, interval_s + 3 * LATENCY)  # asked, reported, taken
    assert result["imbalance_mean"] == exactly(0.5 * moved / LAST)
    assert result["imbalance_max"] == 0.5


@covers("policies.balancing.name")
@pytest.mark.parametrize("interval_s", [100.0, 300.0])
def test_licenses_that_come_in_go_to_those_who_wait_to_be_called_back(interval_s):
    """Two of four have no license here, until the two that nobody asks for arrive from the other server."""
    layer = {
        "servers": {"count": 2},
        "products": [{"name": "editor", "licenses": 4}],
        "clients": {"assignment": [1.0, 0.0]},
        "policies": {
            "denial": {"name": "callback"},
            "balancing": {"name": "periodic-demand", "interval_s": interval_s},
        },
    }
    result = run(at_once(4, run_time=LAST), layer)
    assert (result["grants"], result["denials"]) == (4, 2)
    given = interval_s + 5 * LATENCY  # asked, reported, taken, told, given
    assert result["wait_s_max"] == exactly(given + LATENCY + ANSWER + SERVICE - 10.0)


@covers("policies.balancing.name")
def test_a_shared_pool_needs_no_balancing():
    layer = {"servers": {"count": 2}, "products": [{"name": "editor", "licenses": 4}]}
    clients = {"clients": {"assignment": [1.0, 0.0]}, "policies": {"balancing": {"name": "shared-pool"}}}
    result = run(at_once(4, run_time=20.0), layer, clients)
    assert (result["denials"], result["imbalance_max"]) == (0, 0)
    assert result["wait_s_max"] == exactly(2 * LATENCY + 4 * SERVICE)
