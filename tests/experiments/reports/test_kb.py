"""The scenarios of the Knowledge Base articles: each shows its symptom, and exactly as its article says.

The exact tests replay launches of a few clients under a scenario's own settings and policies, so that every
moment can be computed by hand. Clients with even numbers start out at server 0, the one that goes away.
"""

import math

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.reports import kb as collection
from meterstorm.experiments.reports.verdicts import reproductions
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import built_in, load, versions
from meterstorm.policies.balancing import POLICIES as BALANCING
from scipy.stats import binomtest

ANSWER_S = 0.01 + 0.2  # to the server and back, and its service
TIMEOUT_S = 45.0
ARTICLES = {
    "Q212894", "Q213167", "Q226823", "Q226827", "Q226838", "Q235153", "Q235786", "Q245228", "Q269547",
}  # fmt: skip


def test_the_collection_is_the_articles():
    scenarios = collection.load_all({})
    assert {scenario.article for scenario in scenarios.values()} == ARTICLES
    for name, scenario in scenarios.items():
        assert name == scenario.article.lower()
        assert scenario.title.startswith(f"KB {scenario.article}: ")
        assert scenario.article in scenario.description
        assert any(case.metric for case in scenario.cases)
        assert scenario.arms[0].name == "as shipped"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in built_in() if name in map(str.lower, ARTICLES)])
def test_symptoms_are_reproduced(name):
    found = reproductions(run.run(load(name), workers=0))
    assert [row.defect.case.symptom for row in found if row.reproduced is not True] == []
    assert found


@pytest.fixture
def replay(tmp_path):
    """Replay launches [(time_s, client, run_time_s)]; return metrics and tally of the first and last arm."""

    def replayed(name, case, launches, **overrides):
        trace = tmp_path / "trace.csv"
        rows = [",".join(map(str, row)) for row in launches]
        trace.write_text("\n".join(["time_s,client,run_time_s", *rows]) + "\n")
        scenario = load(
            name,
            {
                "workload.arrivals": "trace",
                "workload.trace": str(trace),
                "clients.assignment": "round-robin",
                "clients.heartbeat_s": 0,
                "servers.reclaim_after_s": 0,
                **overrides,
            },
        )
        found = {}
        for version in versions(scenario):
            if version.case == case:
                tally = simulate(version.scenario)
                found[version.arm] = metrics(version.scenario, tally), tally
        return [found[arm.name] for arm in (scenario.arms[0], scenario.arms[-1])]

    return replayed


def counts(values, *names):
    return [values[name] for name in names]


LINK = ("timeouts", "retries", "failovers", "offline_spells")


def test_q213167_no_retry_though_one_is_configured(replay):
    """A launch 50 s into the outage: denied its retry, or granted by it, 15 min after the time-out."""
    (shipped, _), (retried, _) = replay("q213167", "primary away", [(10850, 0, 3000)])
    assert counts(shipped, *LINK) == [1, 0, 1, 0]
    assert shipped["wait_s_max"] == pytest.approx(TIMEOUT_S + ANSWER_S, abs=1e-6)
    assert counts(retried, *LINK) == [1, 1, 0, 0]
    assert retried["wait_s_max"] == pytest.approx(TIMEOUT_S + 900 + ANSWER_S, abs=1e-6)


def test_q226838_the_first_server_keeps_the_license_of_a_program_that_moved(replay):
    """A program runs when the server goes away (3600 s); another, launched at 3700 s, makes the client move."""
    launches = [(3000, 0, 5000), (3700, 0, 1000)]
    (shipped, tally), (released, cured) = replay("q226838", "first server away", launches)
    moved_s = 3700 + TIMEOUT_S + ANSWER_S
    noticed_s = moved_s + 0.005  # by the site's observer
    assert shipped["grants"] == 3  # the running program was given a second license
    # A release is a ghost while it waits for its service: two at the second server.
    assert shipped["ghost_license_hours"] * 3600 == pytest.approx(14400 - noticed_s + 2 * 0.2, abs=1e-3)
    in_use = tally.series[:, counters.IN_USE]
    assert in_use[1 + 3900 // 300] == 3  # of two programs
    assert in_use[-1] == 1  # of none
    # Kept, and offered every minute, the release arrives at most a minute after the outage (4200 s).
    assert released["grants"] == 3
    assert 4200 - noticed_s <= released["ghost_license_hours"] * 3600 <= 4260 - noticed_s + ANSWER_S
    assert cured.series[-1, counters.IN_USE] == 0


def test_q235786_nothing_but_the_dead_primary_is_tried(replay):
    """An upload 100 s into an outage of 7200 s: tried every 45 + 60 s until the server is back, or 6 times."""
    (shipped, _), (moved, _) = replay("q235786", "primary away", [(14500, 0, 0)])
    tries = math.ceil((7200 - 100) / 105)
    assert counts(shipped, *LINK) == [tries, tries, 0, 0]
    assert shipped["wait_s_max"] == pytest.approx(tries * 105 + ANSWER_S, abs=1e-6)
    assert counts(moved, *LINK) == [6, 5, 1, 0]
    assert moved["wait_s_max"] == pytest.approx(6 * TIMEOUT_S + 5 * 60 + ANSWER_S, abs=1e-6)


SHIPPED = "arms.as shipped.policies.failover"
CLIENTS = range(0, 200, 2)  # those of server 0


def test_q212894_one_server_only_until_the_ccim_cycle(replay):
    """All launch when the server goes away, for 8 of the 23 h in which each client's cycle comes once."""
    launches = [(3600, client, 30000) for client in CLIENTS]
    (shipped, _), (restarted, _) = replay("q212894", "original server away", launches)
    assert binomtest(shipped["failovers"], len(CLIENTS), 8 / 23).pvalue > 0.001
    assert shipped["timeouts"] == shipped["retries"] + shipped["failovers"]
    stayed = len(CLIENTS) - shipped["failovers"]
    assert shipped["timeouts"] > stayed * math.ceil(28800 / 105)  # every one of them hammers to the end
    assert counts(restarted, *LINK) == [len(CLIENTS), 0, len(CLIENTS), 0]


@pytest.mark.parametrize("hours", [0, 1e-6, 1])
def test_q212894_with_a_cycle_within_the_hour_none_is_left_after_it(replay, hours):
    cycle = {"name": "sms2-one-server", "cycle_s": hours * 3600, "delay_s": 60}
    launches = [(3600, client, 30000) for client in CLIENTS]
    (shipped, _), _ = replay("q212894", "original server away", launches, **{SHIPPED: cycle})
    assert shipped["failovers"] == len(CLIENTS)
    tries = 1 + math.ceil(hours * 3600 / 105)
    assert len(CLIENTS) <= shipped["timeouts"] <= len(CLIENTS) * tries


ALL = range(200)


def test_q235153_the_retry_never_comes_whatever_is_configured(replay):
    """All lose the server at 3610 s; the poll that brings a client back is at any moment of the next 4 h."""
    launches = [(3610, client, 25000) for client in ALL]
    (shipped, _), (mended, _) = replay("q235153", "server away", launches)
    assert shipped["retries"] == 0
    # Polls while the server is away (until 4200 s) fail, and the next one is 4 h later.
    early = shipped["timeouts"] - len(ALL)
    assert shipped["offline_spells"] == shipped["timeouts"]
    assert binomtest(early, len(ALL), (4200 - 3655) / 14400).pvalue > 0.001
    assert shipped["unmetered_starts"] == len(ALL)
    # With the article's example, the retry after an hour comes unless the poll does within that hour.
    assert binomtest(mended["offline_spells"], len(ALL), 3600 / 14400).pvalue > 0.001
    assert mended["retries"] > 0
    assert mended["wait_s_max"] == pytest.approx(TIMEOUT_S + 3600 + ANSWER_S, abs=len(ALL) * 0.2)


@pytest.mark.parametrize("retries", [1, 5, 100])
@pytest.mark.parametrize("delay_s", [14400, 20000])
def test_q235153_no_number_of_retries_helps(replay, retries, delay_s):
    policy = {"name": "sms2-poll-first", "retries": retries, "delay_s": delay_s, "polling_s": 14400}
    launches = [(3610, client, 25000) for client in ALL]
    (shipped, _), _ = replay("q235153", "server away", launches, **{SHIPPED: policy})
    assert shipped["retries"] == 0


def test_q245228_sixteen_attempts_in_a_sixth_of_a_second(replay):
    """The server is busy for good: one request in service, one in the pipe, and the third finds it busy."""
    launches = [(1810, 0, 600), (1811, 2, 600), (1812, 4, 600)]
    (shipped, _), _ = replay("q245228", "busy server", launches, **{"cases[1].set.faults[0].factor": 1e6})
    assert counts(shipped, "overloaded", "retries", "timeouts", "failovers") == [16, 15, 2, 3]
    assert shipped["attempts"] == 16 + 2 + 3
    third_s = 16 * 0.01 + ANSWER_S  # no pause at all, then the other server
    mean_s = (third_s + 2 * (TIMEOUT_S + ANSWER_S)) / 3
    assert shipped["wait_s_mean"] == pytest.approx(mean_s, abs=1e-6)


def test_q245228_every_request_that_finds_the_pipe_busy_makes_sixteen_attempts():
    busy = {"servers.service_ms": 0.01, "cases[1].set.faults[0].factor": 1e9}  # for good; the other one is never
    shipped = next(v for v in versions(load("q245228", busy)) if (v.case, v.arm) == ("busy server", "as shipped"))
    values = metrics(shipped.scenario, simulate(shipped.scenario))
    assert values["failovers"] - values["timeouts"] > 20  # left for a busy pipe
    assert values["overloaded"] == 16 * (values["failovers"] - values["timeouts"])


DAY = {"run.duration_s": 86400, "run.replications": 1}


@pytest.mark.parametrize("name", BALANCING)
def test_q269547_licenses_are_issued_twice_under_this_policy_alone(name):
    scenario = load("q269547", {**DAY, "run.duration_s": 3 * 86400, "network.latency_ms": 2000})
    sites = [version.scenario for version in versions(scenario) if version.case == "three sites"]
    interval = {"interval_s": 3600} if name in ("periodic-demand", "keep-until-ack") else {}
    policies = sites[0].policies.model_copy(
        update={"balancing": sites[0].policies.balancing.model_validate({"name": name, **interval})}
    )
    tally = simulate(sites[0].model_copy(update={"policies": policies}))
    overissued = int(tally.control[0]["overissued"])
    if name == "keep-until-ack":
        assert overissued > 0
        assert tally.pools["allocated"].sum() >= 750 + overissued
    else:
        assert overissued == 0


ONE_LICENSE = {"cases.licenses short.products": [{"name": "editor", "licenses": 1}]}


@pytest.mark.parametrize(
    ("released_s", "denials", "granted_s"),
    [
        (
            300,
            2,
            900,
        ),  # in the cycle of the denial: called back, denied again, and called back when the cycle ends
        (1000, 1, 1000),  # in the next cycle: called back, and granted
    ],
)
def test_q226823_denied_again_until_a_site_cycle_has_passed(replay, released_s, denials, granted_s):
    """One license: client 0 has it from 100 s until it is released; client 1 is denied it at 150 s."""
    launches = [(100, 0, released_s - 100), (150, 1, 3000)]
    (shipped, _), (honored, _) = replay("q226823", "licenses short", launches, **ONE_LICENSE)
    assert counts(shipped, "denials", "denials_misplaced", "grants") == [denials, denials - 1, 2]
    assert counts(honored, "denials", "denials_misplaced", "grants") == [1, 0, 2]
    # Mean of the two waits: the first user's is just the answer; the callback takes a release, then a request.
    for values, at_s in ((shipped, granted_s), (honored, released_s)):
        assert 2 * values["wait_s_mean"] - ANSWER_S == pytest.approx(at_s - 150, abs=1)
