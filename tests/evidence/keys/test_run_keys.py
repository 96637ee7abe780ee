"""[run], the head of the file, [[cases]] and [[arms]]: what each key does."""

import json
import math
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tomli_w
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments import scenario
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.reports import verdicts
from meterstorm.experiments.runs import run as runs
from meterstorm.experiments.runs import sharding
from meterstorm.experiments.runs.results import Results
from typer.testing import CliRunner

from support.lab import (
    ANSWER,
    INSTANT,
    LAST,
    LATENCY,
    covers,
    exactly,
    is_by_chance,
    measure,
    on_bare,
    recorded,
    run,
)

EVERY_10_S = [(time + 5.0, 0, 1.0) for time in range(-100, 1000, 10)]
DRAWN: dict[str, Any] = {  # a small world in which everything is drawn
    "clients": {"count": 20},
    "workload": {"arrivals": "open", "launch_interval_s": 50.0, "run_time_s": 30.0},
}


def results_of(*layers: dict[str, Any]) -> Results:
    """All versions and replications, in this process."""
    return runs.run(scenario.validate(on_bare(*layers)), workers=0)


def digest_of(*layers: dict[str, Any], replication: int = 0) -> int:
    """The digest of BARE with layers on top."""
    return simulate(scenario.validate(on_bare(*layers)), replication).digest


def command_line(folder: Path, *options: str, **tables: Any) -> Any:
    """The exit status and output of `meterstorm run FILE --json` with DRAWN and tables on top."""
    file = folder / "scenario.toml"
    file.write_text(tomli_w.dumps(on_bare(DRAWN, tables)))
    where = ["--out", str(folder / "out"), "--force"]
    return CliRunner().invoke(cli.app, ["run", str(file), "--json", *where, "--workers", "0", *options])


# The head


@covers("title")
@pytest.mark.parametrize("title", ["one thing", "another"])
def test_the_title_heads_the_summary(tmp_path, title):
    assert json.loads(command_line(tmp_path, title=title).stdout)["title"] == title


@covers("description")
def test_the_description_is_kept_with_the_results_and_changes_nothing(tmp_path):
    plain = json.loads(command_line(tmp_path).stdout)
    described = json.loads(command_line(tmp_path, description="why and how").stdout)
    assert scenario.load(tmp_path / "out" / "scenario.toml").description == "why and how"
    assert described["digest"] == plain["digest"]


@covers("article")
def test_a_scenario_with_an_article_belongs_to_the_collection(tmp_path):
    """`meterstorm run kb` runs those that have one; the key changes nothing in the run."""
    named = json.loads(command_line(tmp_path, article="Q226827").stdout)
    assert scenario.load(tmp_path / "out" / "scenario.toml").article == "Q226827"
    assert named["digest"] == json.loads(command_line(tmp_path).stdout)["digest"]


# [run]


@covers("run.duration_s")
@pytest.mark.parametrize("duration_s", [10.0, 34.0, 1000.0])
def test_so_much_time_is_measured(duration_s):
    result = run([(time, 0, 1.0) for time in range(5, 1000, 10)], {"run": {"duration_s": duration_s}})
    launches = (duration_s + 5) // 10
    assert (result["launches"], result["grants"]) == (launches, launches)
    assert result["goodput_per_s"] == exactly(launches / duration_s)


@covers("run.warmup_s")
@pytest.mark.parametrize("warmup_s", [100.0, 150.0])
def test_the_warm_up_is_not_measured_but_its_programs_run_on(warmup_s):
    result = run([*EVERY_10_S, (-50.0, 1, 100.0)], {"run": {"warmup_s": warmup_s}})
    assert (result["launches"], result["grants"]) == (100, 100)
    held = (-50 + ANSWER + 100 + LATENCY) + 100 * (1.0 + 2 * LATENCY)
    assert result["licenses_in_use_mean"] == exactly(held / LAST)


@covers("run.warmup_s")
@pytest.mark.parametrize("warmup_s", [0.0, 100.0, 400.0])
def test_the_warm_up_is_simulated(warmup_s):
    """Clients that launch once for all: in the measured time, those that have not done so in the warm-up."""
    layer = {
        "run": {"warmup_s": warmup_s},
        "clients": {"count": 2000},
        "products": [{"name": "editor", "licenses": 2000}],
        "workload": {"launch_interval_s": 200.0, "run_time": "constant", "run_time_s": 1e6},
    }
    chance = math.exp(-warmup_s / 200) - math.exp(-(warmup_s + LAST) / 200)
    assert is_by_chance(measure(INSTANT, layer)["launches"], 2000, chance)


@covers("run.seed")
def test_the_seed_sets_all_draws():
    digests = [digest_of(DRAWN, {"run": {"seed": seed}}) for seed in (1, 2, 2, 3)]
    assert digests[1] == digests[2] and len(set(digests)) == 3
    fixed = [run(EVERY_10_S, {"run": {"seed": seed, "warmup_s": 200.0}}) for seed in (1, 2)]
    assert fixed[0] == fixed[1]  # where nothing is drawn


@covers("run.replications")
@pytest.mark.parametrize("replications", [1, 2, 5])
def test_replications_are_independent_and_each_is_a_run_of_its_own(replications):
    (result,) = results_of(DRAWN, {"run": {"replications": replications}}).versions
    digests = [row.digest for row in result.replications]
    assert len(set(digests)) == len(digests) == replications
    assert digests[-1] == digest_of(DRAWN, replication=replications - 1)


@covers("run.first_replication")
@pytest.mark.parametrize("options", [{}, {"shards": 2}])
def test_a_replication_alone_is_the_one_of_its_number_among_many(options, monkeypatch):
    monkeypatch.setattr(runs, "ShardSet", Shards)
    (ten,) = results_of(DRAWN, {"run": {"replications": 10}}).versions
    two = scenario.validate(on_bare(DRAWN, {"run": {"first_replication": 7, "replications": 2}}))
    (alone,) = runs.run(two, workers=0, **options).versions
    assert [row.number for row in alone.replications] == [7, 8]
    assert [row.digest for row in alone.replications] == [row.digest for row in ten.replications[7:9]]
    assert [row.metrics for row in alone.replications] == [row.metrics for row in ten.replications[7:9]]


@covers("run.sample_s")
@pytest.mark.parametrize(("sample_s", "attempts"), [(10.0, 3), (100.0, 4), (500.0, 6), (1000.0, 7)])
def test_burdens_are_those_of_the_worst_sample(sample_s, attempts, tmp_path):
    times = [11.0, 12.0, 13.0, 21.0, 101.0, 102.0, 600.0]
    layer = {"run": {"sample_s": sample_s}}
    result = run([(time, 0, 0.0) for time in times], layer)
    assert result["attempts_per_client_hour_peak"] == exactly(attempts / 4 / sample_s * 3600)
    (version,) = results_of(layer, recorded([(time, 0, 0.0) for time in times], tmp_path)).versions
    assert len(version.replications[0].series) == 1 + LAST / sample_s  # the warm-up, and each sample


class Shards:
    """Stands for `cluster.ShardSet`, which tests/actors/cluster holds to the same digest: one process, no Ray."""

    used: ClassVar[list[int]] = []

    def __init__(self, shards: int, *_: Any) -> None:
        self.used.append(shards)

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def simulate(self, made: Any, replication: int, *others: Any) -> Any:
        return simulate(made, replication)


@covers("run.shards", "run.shards=auto")
@pytest.mark.parametrize(("shards", "used"), [(1, []), (2, [2]), (3, [3]), ("auto", [])])
def test_worlds_run_on_so_many_shards(shards, used, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ShardSet", Shards)
    monkeypatch.setattr(Shards, "used", [])
    summary = json.loads(command_line(tmp_path, run={"shards": shards}).stdout)
    assert (Shards.used, summary["shards"]) == (used, used[0] if used else 1)


@covers("run.shards=auto")
@pytest.mark.parametrize(
    ("cores", "clients", "interval_s", "latency_ms", "duration_s", "shards", "why"),
    [
        (8, 10**6, 9.0, 5.0, 1e4, 7, "3,500 events"),  # 7 events in 10 s of each client's time
        (3, 10**6, 9.0, 5.0, 1e4, 3, "3,500 events"),
        (8, 10**6, 9.0, 1.0, 1e4, 1, "every 1 ms .* about 700 events"),
        (8, 10**6, 3599.0, 5.0, 1e6, 1, "every 5 ms .* about 9.72 events"),
        (8, 10**6, 9.0, 5.0, 10.0, 1, "about 1 s"),
        (1, 10**6, 9.0, 5.0, 1e4, 1, "every core"),
    ],
)
def test_auto_shares_worlds_with_enough_to_do(
    cores, clients, interval_s, latency_ms, duration_s, shards, why, monkeypatch
):
    monkeypatch.setattr(sharding, "cpus", lambda: cores)
    changes = {
        "clients": {"count": clients},
        "workload": {"launch_interval_s": interval_s, "run_time_s": 1.0},
        "network": {"latency_ms": latency_ms},
        "run": {"shards": "auto", "duration_s": duration_s, "warmup_s": 0.0, "sample_s": duration_s},
    }
    chosen, reason = sharding.choose_shards(scenario.validate(on_bare(changes)))
    assert chosen == shards and re.search(why, reason)


@covers("run.shards=auto")
def test_auto_counts_on_the_storm_when_every_server_fails(monkeypatch):
    monkeypatch.setattr(sharding, "cpus", lambda: 2)
    changes = {
        "clients": {"count": 10**6, "request_timeout_s": 5.0},
        "workload": {"launch_interval_s": 3600.0},
        "network": {"latency_ms": 5.0},
        "run": {"shards": "auto", "duration_s": 1e4, "sample_s": 1e4},
        "faults": [{"kind": "unreachable", "servers": "all", "start_s": 0.0, "duration_s": 600.0}],
    }
    changes["servers"] = {"count": 2}
    one = changes["faults"][0]

    def chosen(faults: list[dict[str, Any]], **servers: int) -> int:
        given = changes | {"faults": faults, "servers": changes["servers"] | servers}
        return sharding.choose_shards(scenario.validate(on_bare(given)))[0]

    assert chosen([one]) == 2
    assert chosen([one | {"servers": [0]}]) == 1
    assert chosen([one | {"servers": [0]}, one | {"servers": [1]}]) == 2  # at once, by two faults
    assert chosen([one | {"servers": [0]}, one | {"servers": [1], "start_s": 601.0}]) == 1  # one after the other
    assert chosen([one | {"stagger_s": 599.0}]) == 2
    assert chosen([one | {"stagger_s": 600.0}]) == 1
    assert chosen([one | {"kind": "slow", "factor": 2.0}]) == 1  # they serve
    assert chosen([one | {"mtbf_s": 500.0}]) == 2  # drawn, often both


@covers("run.shards=auto")
@pytest.mark.parametrize(
    ("failover_to", "latency_ms", "shards", "why"),
    [
        ("own-site", 5.0, 4, "about 1,400,000 events"),  # 14 a second, in a thousandth of the run
        ("any-site", 5.0, 1, "every 50 ms .* about 0.7 events"),
        ("own-site", 0.0, 1, "latency_ms > 0"),
    ],
)
def test_auto_knows_how_far_sites_are_apart(failover_to, latency_ms, shards, why, monkeypatch):
    monkeypatch.setattr(sharding, "cpus", lambda: 4)
    changes = {
        "servers": {"count": 8, "sites": 8},
        "clients": {"count": 7200, "failover_to": failover_to},
        "workload": {"launch_interval_s": 3599.0, "run_time_s": 1.0},
        "network": {"latency_ms": 5.0, "wan_latency_ms": 50.0},
        "run": {"shards": "auto", "duration_s": 1e8, "warmup_s": 0.0, "sample_s": 1e8},
        "arms": [{"name": "given", "set": {"network.latency_ms": latency_ms}}],
    }
    chosen, reason = sharding.choose_shards(scenario.validate(on_bare(changes)))
    assert chosen == shards and re.search(why, reason), reason


@covers("run.clock=virtual")
def test_the_virtual_clock_does_not_take_the_time_it_measures(tmp_path):
    done = command_line(tmp_path, run={"clock": "virtual", "duration_s": 1e5, "sample_s": 1e5})
    summary = json.loads(done.stdout)
    assert summary["clock"] == "virtual" and summary["engine"]["wall_s"] < 1e4
    assert "messages_per_s" not in summary["arms"][0]["metrics"]


@covers("run.clock=wall", "run.pace")
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_on_the_wall_clock_what_is_measured_is_real(tmp_path):
    """In a second at pace 10, ten seconds of the world pass: as many messages, ten times as many a second."""
    times = {"clock": "wall", "duration_s": 10.0, "sample_s": 10.0, "pace": 10.0}
    calm = {"network": {"latency_ms": 500.0}, "workload": {"launch_interval_s": 2.0, "run_time_s": 1.0}}
    done = command_line(tmp_path, run=times, **calm)
    assert done.exit_code == 0
    summary = json.loads(done.stdout)
    (arm,) = summary["arms"]
    (real,), metrics = arm["wall"], arm["metrics"]
    assert summary["clock"] == "wall" and (real["pace"], real["real_s"]) == (10.0, 1.0)
    assert metrics["messages_per_s"]["mean"] == metrics["messages"]["mean"] > 20
    assert metrics["round_trip_ms_p50"]["mean"] >= 1000.0  # two latencies
    assert metrics["cpu_s_clients"]["mean"] > 0.0 < metrics["cpu_s_servers"]["mean"]
    assert metrics["imbalance_mean"]["mean"] is None  # no process knows all servers


# [[cases]] and [[arms]]

OUTAGE = {"kind": "unreachable", "servers": [0], "start_s": 100.0, "duration_s": 500.0}

VERSIONS: dict[str, Any] = {
    "cases": [{"name": "calm", "set": {"faults": []}}, {"name": "storm", "set": {"faults": [OUTAGE]}}],
    "arms": [
        {"name": "stay"},
        {"name": "insist", "set": {"policies.failover": {"name": "retry-then-give-up", "retries": 4}}},
        {"name": "scarce", "set": {"products[0].licenses": 1, "clients.offline": "deny"}},
    ],
}


@covers("cases.name", "cases.set", "arms.name", "arms.set")
def test_every_arm_runs_in_every_case_as_if_the_file_had_said_so():
    found = results_of(DRAWN, VERSIONS).versions
    cases: dict[str, Any] = {"calm": {}, "storm": {"faults": [OUTAGE]}}
    arms: dict[str, Any] = {
        "stay": {},
        "insist": {"policies": {"failover": {"name": "retry-then-give-up", "retries": 4}}},
        "scarce": {"products": [{"name": "editor", "licenses": 1}], "clients": {"offline": "deny"}},
    }
    named = {(row.version.case, row.version.arm): row.replications[0].digest for row in found}
    alone = {(case, arm): digest_of(DRAWN, cases[case], arms[arm]) for case in cases for arm in arms}
    assert list(named.items()) == list(alone.items())
    assert len(set(named.values())) == 5  # whether clients insist does not matter while it is calm


@covers("cases.set", "arms.set")
def test_versions_meet_the_same_users():
    """Common random numbers: every launch comes in every version, there suppressed or not; other seeds, others."""
    wanted = {
        (number, metrics["launches"] + metrics["suppressed"])
        for result in results_of(DRAWN, VERSIONS, {"run": {"replications": 3}}).versions
        for number, metrics in ((row.number, row.metrics) for row in result.replications)
    }
    assert len(wanted) == 3 and len({launches for _, launches in wanted}) == 3


@covers("cases.symptom", "cases.metric", "cases.baseline")
@pytest.mark.parametrize(
    ("metric", "baseline", "shown"),
    [("timeouts", "calm", True), ("timeouts", "as bad", False), ("grants", "calm", False)],
)
def test_a_symptom_shows_where_a_case_s_metric_exceeds_that_of_its_baseline(metric, baseline, shown):
    calm, storm = VERSIONS["cases"]
    symptom = storm | {"symptom": "many time-outs", "metric": metric, "baseline": baseline}
    cases = {"cases": [calm, storm | {"name": "as bad"}, symptom]}
    (verdict,) = verdicts.verdicts(results_of(DRAWN, cases, {"run": {"replications": 5}}))
    assert (verdict.case.symptom, verdict.case.metric, verdict.shown) == ("many time-outs", metric, shown)
