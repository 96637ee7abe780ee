"""One server has all licenses, and another takes them over: when, and what that costs without a tenure."""

from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import ScenarioError, validate

from support.journaled import rows_of, times
from support.lab import LATENCY, on_bare, recorded
from support.layers import layered

CLIENTS = 6
SECOND = CLIENTS + 1  # server, as an agent
AWAY = {"kind": "unreachable", "servers": [0], "start_s": 150.0, "duration_s": 700.0}

# The first of two servers has all four licenses and two clients, and is cut off from 150 s to 850 s.
PAIR: dict[str, Any] = {
    "servers": {"count": 2, "split": [1.0, 0.0]},
    "products": [{"name": "editor", "licenses": 4}],
    "clients": {"count": CLIENTS, "assignment": [1.0, 2.0]},
    "policies": {"balancing": {"name": "standby"}},
    "faults": [AWAY],
}
FENCED = {"servers": {"tenure_s": 180.0}}
HELD = [(10.0, 0), (10.5, 1)]  # launches at the first server


def by_hand(folder: Path, launches: list[tuple[float, int]], *layers: dict[str, Any]) -> dict[str, Any]:
    """PAIR, in which programs last; clients 0 and 1 are at the first server, the others at the second."""
    return on_bare(PAIR, *layers, recorded([(*launch, 1e5) for launch in launches], folder))


def measured(raw: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    scenario = validate(raw)
    return metrics(scenario, simulate(scenario, seed))


def test_without_a_tenure_a_server_that_is_only_cut_off_leases_on(tmp_path):
    """The cycle of 180 s closes at 210 s: two leases at the first server, and four more at the second one.

    The first hears of it at 900.005 s; then its leases end, and it is given nothing, as all are in use.
    """
    raw = by_hand(tmp_path, [*HELD, (211.0, 2), (212.0, 3), (213.0, 4), (214.0, 5)])
    assert times(rows_of(raw), kinds.GIVE, target=SECOND) == [210.0 + LATENCY]
    found = measured(raw)
    assert (found["grants"], found["overissued"], found["leases_lost"]) == (6, 2, 2)
    in_use = 2 * 900.005 - 10.205 - 10.705 + sum(1000 - time - 0.205 for time in (211.0, 212.0, 213.0, 214.0))
    assert found["licenses_in_use_mean"] * 1000 == pytest.approx(in_use, abs=1e-3)


@pytest.mark.parametrize(("tenure_s", "overissued"), [(0.0, 4), (180.0, 0)])
def test_licenses_that_leave_the_site_meanwhile_are_overissued_too(tmp_path, tenure_s, overissued):
    """Four at the server that is cut off, and the same four at the other site, which asks for some, too."""
    sites = {
        "servers": {"count": 4, "sites": 2, "split": [1.0, 0.0, 0.0, 0.0], "tenure_s": tenure_s},
        "network": {"wan_latency_ms": 5.0},
        "clients": {"count": 16, "assignment": [1.0, 0.0, 1.0, 0.0], "failover_to": "own-site"},
        "policies": {
            "intersite": {"name": "periodic-demand", "interval_s": 50.0},
            "denial": {"name": "retry", "delay_s": 5.0},
        },
        "faults": [AWAY | {"duration_s": 5000.0}],
    }
    launches = [(10.0 + k, k) for k in range(4)] + [(160.0 + k, 8 + k) for k in range(4)]
    assert measured(by_hand(tmp_path, launches, sites))["overissued"] == overissued


def test_a_report_that_is_late_is_not_another_servers():
    """With jitter a report may come in the next cycle, besides the one of that; both servers are well."""
    late = {
        "run": {"duration_s": 400.0},
        "network": {"jitter_ms": 400.0},
        "clients": {"count": 6},
        "policies": {"balancing": {"name": "standby", "interval_s": 2.0}},
    }
    shard = Shard(validate(layered(SCARCE, late) | {"faults": []}))
    site, closed = shard.world.sites[0], 0
    for time in range(0, shard.end, 50_000_000):
        shard.run(time)
        is_patient = site.began and time < site.began + 1_000_000_000  # half a cycle
        if is_patient and not site.collecting:
            assert shard.world.servers["reported"].all()
            closed += 1
    assert closed > 100


def test_with_one_the_other_server_waits_until_the_first_has_none_in_use(tmp_path):
    """Renewed at 90.01 s, over at 270.01 s; the cycle of 270 s closes at 300 s."""
    raw = by_hand(tmp_path, [*HELD, (250.0, 2), (301.0, 2), (302.0, 3), (303.0, 4), (304.0, 5)], FENCED)
    assert times(rows_of(raw), kinds.GIVE, target=SECOND) == [300.0 + LATENCY]
    found = measured(raw)
    assert (found["overissued"], found["leases_lost"], found["denials_stranded"]) == (0, 2, 1)


@pytest.mark.parametrize("start_s", [91.0, 130.0, 179.9])
def test_it_takes_two_minutes_at_most(tmp_path, start_s):
    rows = rows_of(by_hand(tmp_path, HELD, {"faults": [AWAY | {"start_s": start_s}]}))
    (given,) = times(rows, kinds.GIVE, target=SECOND).expected
    assert 30.0 < given - start_s <= 120.0 + LATENCY


def test_the_first_one_has_the_licenses_again_when_it_is_back(tmp_path):
    """Those that are free at once, one in the cycle after its program has ended."""
    launches = recorded([(220.0, 2, 700.0)], tmp_path)
    rows = rows_of(on_bare(PAIR, launches))
    given = [row["value"] for row in rows if row["kind"] == kinds.GIVE and row["target"] == CLIENTS]
    assert given[:1] == [3] and times(rows, kinds.GIVE, target=CLIENTS).expected[0] == pytest.approx(
        900.0 + 5 * LATENCY
    )


# More is asked for than there is; servers are away at random.
SCARCE: dict[str, Any] = {
    "title": "scarce",
    "run": {"duration_s": 3000.0, "warmup_s": 0.0},
    "servers": {"count": 2, "service_ms": 20.0},
    "products": [{"name": "editor", "licenses": 12}],
    "clients": {"count": 60, "heartbeat_s": 0.0, "rerequest": False},
    "workload": {"launch_interval_s": 20.0, "run_time_s": 200.0},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "standby"}},
    "faults": [{"kind": "unreachable", "servers": "all", "start_s": 100.0, "mtbf_s": 500.0, "mttr_s": 250.0}],
}


@pytest.mark.parametrize("seed", range(4))
def test_what_is_taken_over_at_once_is_leased_twice_and_what_is_after_a_tenure_never(seed):
    assert measured(SCARCE, seed)["overissued"] > 0
    assert measured(layered(SCARCE, FENCED), seed)["overissued"] == 0


def test_what_is_kept_for_some_cannot_be_taken_over():
    reserve = {"clients": [0, 1], "licenses": 2}
    with pytest.raises(ScenarioError) as raised:
        validate(layered(SCARCE, {"products": [{"name": "editor", "licenses": 9, "reserve": reserve}]}))
    (error,) = raised.value.errors
    words = "it must be one that does not take over while products[0].reserve is given"
    assert error.startswith("policies.balancing.name") and words in error
