"""Licenses that servers may use for a tenure: its times by hand, and that none is ever leased twice."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import ScenarioError, validate

from support.journaled import rows_of, times
from support.lab import LATENCY, on_bare, recorded
from support.layers import layered
from support.sharded import in_shards

CLIENTS, TENURE_S, INTERVAL_S, PATIENCE_S = 6, 200.0, 100.0, 30.0
FIRST, SECOND = CLIENTS, CLIENTS + 1  # servers, as agents
AWAY = {"kind": "unreachable", "servers": [0], "start_s": 150.0, "duration_s": 700.0}
JUST_OVER = {"servers": {"tenure_s": 200.002}}  # while the word of 300.01 s is on its way
RENEWED = 100.0 + 2 * LATENCY  # for the last time, when both servers have reported

# The first of two servers has all four licenses, two clients, and is cut off for most of the time.
CUT_OFF: dict[str, Any] = {
    "servers": {"count": 2, "split": [1.0, 0.0], "tenure_s": TENURE_S},
    "products": [{"name": "editor", "licenses": 4}],
    "clients": {"count": CLIENTS, "assignment": [1.0, 2.0]},
    "policies": {"balancing": {"name": "periodic-demand", "interval_s": INTERVAL_S}},
    "faults": [AWAY],
}


def by_hand(folder: Path, launches: list[tuple[float, int]], *layers: dict[str, Any]) -> dict[str, Any]:
    """CUT_OFF, in which programs last; clients 0 and 1 are at the first server, the others at the second."""
    return on_bare(CUT_OFF, *layers, recorded([(*launch, 1e5) for launch in launches], folder))


def measured(raw: dict[str, Any]) -> dict[str, Any]:
    scenario = validate(raw)
    return metrics(scenario, simulate(scenario))


def test_a_server_that_is_not_heard_of_loses_its_licenses_when_its_tenure_is_over(tmp_path):
    """Renewed at 100.01 s, it has none from 300.01 s on; the cycle that closes at 330 s gives the other all."""
    launches = [(10.0, 0), (250.0, 2), (331.0, 2), (332.0, 3), (333.0, 4), (334.0, 5)]
    raw = by_hand(tmp_path, launches)
    rows = rows_of(raw)
    assert times(rows, kinds.RENEW, target=FIRST) == [RENEWED + LATENCY, 900.01 + LATENCY]
    assert RENEWED + TENURE_S in times(rows, kinds.LAPSE, target=FIRST).expected
    assert times(rows, kinds.GIVE, target=SECOND) == [330.0 + LATENCY]
    assert times(rows, kinds.DENY) == [250.205 + LATENCY]
    assert len(times(rows, kinds.GRANT).expected) == 5
    found = measured(raw)
    assert (found["denials_stranded"], found["leases_lost"], found["overissued"]) == (1, 1, 0)
    assert found["licenses_in_use_mean"] * 1000 == pytest.approx(
        RENEWED + TENURE_S - 10.205 + sum(1000 - time - 0.205 for time in (331.0, 332.0, 333.0, 334.0)), abs=1e-3
    )


def test_one_that_is_back_gets_licenses_in_the_next_cycle(tmp_path):
    """Denied at 860 s, though the other server has some free; asked, told to give, given, passed on: 900.025 s."""
    raw = by_hand(tmp_path, [(250.0, 2), (860.0, 0), (901.0, 1)])
    rows = rows_of(raw)
    assert times(rows, kinds.DENY) == [250.205 + LATENCY, 860.205 + LATENCY]
    assert times(rows, kinds.GIVE, target=FIRST) == [900.0 + 5 * LATENCY]
    assert times(rows, kinds.GRANT) == [901.205 + LATENCY]
    terms = [row["attempt"] for row in rows if (row["what"], row["kind"]) == (journal.HANDLED, kinds.GIVE)]
    assert terms == [0, 7]  # seven cycles have closed since its tenure was over, at 330 s, 430 s, ... and 900.01 s
    assert simulate(validate(raw)).pools["allocated"].sum() == 4


def test_one_that_is_heard_of_in_time_goes_on(tmp_path):
    """One question is lost, and its program keeps its license: renewed at 300.01 s, just before the end."""
    launches, briefly = [(10.0, 0)], {"faults": [AWAY | {"start_s": 195.0, "duration_s": 10.0}]}
    raw = by_hand(tmp_path, launches, briefly, {"servers": {"tenure_s": 200.1}})
    assert measured(raw)["leases_lost"] == 0
    late = by_hand(tmp_path, launches, briefly, JUST_OVER)
    assert measured(late)["leases_lost"] == 1


def test_what_it_put_aside_it_may_use_again_when_it_is_renewed_in_the_same_term(tmp_path):
    """Three ms later it grants again, without having been given any."""
    briefly = {"faults": [AWAY | {"start_s": 195.0, "duration_s": 10.0}]}
    rows = rows_of(by_hand(tmp_path, [(299.8, 0), (300.5, 1)], briefly, JUST_OVER))
    assert times(rows, kinds.DENY) == []
    assert len(times(rows, kinds.GRANT).expected) == 2
    assert times(rows, kinds.GIVE) == []


@pytest.mark.parametrize("kind", ["crash", "stall", "refusing"])
def test_it_ends_at_servers_that_are_down_or_stand_still(tmp_path, kind):
    raw = by_hand(tmp_path, [(10.0, 0), (250.0, 2), (331.0, 2)], {"faults": [AWAY | {"kind": kind}]})
    found = measured(raw)
    assert (found["leases_lost"], found["overissued"], found["grants"]) == (1, 0, 2)


@pytest.mark.parametrize("start_s", [101.0, 130.0, 199.0, 260.0, 299.9])
def test_denied_users_are_served_again_after_the_tenure_and_at_most_a_cycle(tmp_path, start_s):
    """Who asks each second: counted from the last word that came through, until the other server has licenses."""
    asks = {"policies": {"denial": {"name": "retry", "delay_s": 1.0}}, "faults": [AWAY | {"start_s": start_s}]}
    rows = rows_of(by_hand(tmp_path, [(start_s + 1.0, 2)], asks))
    served = times(rows, kinds.GRANT).expected[0]
    last = max(time for time in times(rows, kinds.RENEW, target=FIRST).expected if time < start_s) - LATENCY
    assert last + TENURE_S < served < last + TENURE_S + INTERVAL_S + PATIENCE_S + 2.0


# More is asked for than there is, and servers are away at random, for longer and shorter than a tenure.
SCARCE: dict[str, Any] = {
    "title": "scarce",
    "run": {"duration_s": 3000.0, "warmup_s": 0.0},
    "network": {"latency_ms": 20.0, "jitter_ms": 200.0},
    "servers": {"count": 3, "service_ms": 20.0, "tenure_s": 100.0},
    "products": [{"name": "editor", "licenses": 12}],
    "clients": {"count": 60, "heartbeat_s": 0.0, "rerequest": False},
    "workload": {"launch_interval_s": 20.0, "run_time_s": 200.0},
    "policies": {"failover": {"name": "immediate"}, "balancing": {"name": "periodic-demand", "interval_s": 50.0}},
    "faults": [{"kind": "unreachable", "servers": "all", "start_s": 100.0, "mtbf_s": 300.0, "mttr_s": 150.0}],
}


def leased(rows: list[dict[str, Any]], tenure_s: float) -> int:
    """The most licenses in use at once by an account of its own: grants, releases, and the ends of tenures.

    Of a server, from its RENEWs: each says when it was sent.
    """
    most, ends, held = 0, {60 + s: tenure_s for s in range(3)}, {60 + s: set() for s in range(3)}
    for row in rows:
        if row["what"] == journal.HANDLED:
            now = row["time"] * 1e-9
            for s, end in ends.items():
                if end <= now - 1e-9:
                    held[s].clear()
        if (row["what"], row["kind"]) == (journal.HANDLED, kinds.RENEW):
            ends[row["target"]] = max(ends[row["target"]], row["program"] + row["value"] * 1e-9 + tenure_s)
        lease = row["slot"], row["program"]
        if row["kind"] == kinds.GRANT and row["what"] in (journal.SENT, journal.LOST):
            held[row["source"]].add((row["target"], *lease))
        if (row["what"], row["kind"], row["flag"]) == (journal.HANDLED, kinds.RELEASE, 2):  # served
            held[row["target"]].discard((row["source"], *lease))
        most = max(most, sum(map(len, held.values())))
    return most


@pytest.mark.parametrize("seed", range(4))
def test_no_license_is_leased_twice_though_all_are(seed):
    raw = layered(SCARCE, {"run": {"seed": seed + 1}})
    rows = rows_of(raw)
    assert leased(rows, 100.0) == 12
    assert measured(raw)["overissued"] == 0
    given = [row["attempt"] for row in rows if (row["what"], row["kind"]) == (journal.HANDLED, kinds.GIVE)]
    assert max(given) > 1, "licenses were taken back more than once"


def without_serials(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "serial"} for row in rows]


def test_with_a_tenure_that_outlasts_the_run_all_is_as_without_but_for_the_words():
    """Nothing else happens at other times: words take no service time, and nothing is drawn."""
    exact = {"network": {"jitter_ms": 0.0}}
    without = rows_of(layered(SCARCE, exact, {"servers": {"tenure_s": 0.0}}))
    long = rows_of(layered(SCARCE, exact, {"servers": {"tenure_s": 1e6}}))
    others = [row for row in long if row["kind"] != kinds.RENEW]
    assert len(long) > len(others) and without_serials(others) == without_serials(without)


@pytest.mark.parametrize("shards", [2, 3])
def test_shards_do_not_matter(shards):
    told = {"policies": {"denial": {"name": "callback", "poll_s": 60.0}}, "servers": {"sites": 1}}
    scenario = validate(layered(SCARCE, told))
    assert in_shards(scenario, shards).digest == simulate(scenario).digest


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (
            {"servers": {"tenure_s": 99.0}},
            'at least 100.0, twice the interval_s of policies.balancing.name = "periodic',
        ),
        ({"policies": {"balancing": {"name": "static"}}}, 'it must be 0 while policies.balancing.name = "static"'),
        (
            {"policies": {"balancing": {"name": "keep-until-ack"}}},
            'it must be 0 while policies.balancing.name = "keep',
        ),
        ({"policies": {"balancing": {"name": "shared-pool"}}}, "one pool is not any server's"),
        (
            {"network": {"latency_ms": 12_500.0}},
            "it must be 0 while network.latency_ms = 12500.0: reports would take longer than the 25.0 s",
        ),
        (
            {"products": [{"name": "editor", "licenses": 9, "reserve": {"clients": [0, 1], "licenses": 2}}]},
            "it must be 0 while products[0].reserve is given",
        ),
    ],
)
def test_what_nothing_renews_or_moves_has_no_tenure(layer, words):
    with pytest.raises(ScenarioError) as raised:
        validate(layered(SCARCE, layer))
    assert any(line.startswith("servers.tenure_s") and words in line for line in raised.value.errors)


def test_one_timer_waits_for_the_end_of_a_tenure_however_often_it_is_renewed():
    rows = rows_of(layered(SCARCE, {"faults": [], "servers": {"tenure_s": 500.0}}))
    words, looks = (times(rows, kind, target=60).expected for kind in (kinds.RENEW, kinds.LAPSE))
    assert len(words) > 5 * len(looks) > 0


def test_cycles_renew_each_server_that_reports():
    """Words to a server are as far apart as the cycles in which it reports."""
    rows = rows_of(layered(SCARCE, {"faults": []}))
    for s in range(3):
        renewed = times(rows, kinds.RENEW, target=60 + s).expected
        assert len(renewed) == 59
        assert all(40.0 < later - one < 60.0 for one, later in pairwise(renewed))
