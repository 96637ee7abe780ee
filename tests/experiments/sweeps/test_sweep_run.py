"""Running a sweep: its rows are those of single runs, whoever runs them, in whatever chunks and order."""

import os
import random
import re
import signal
from contextlib import closing

import pytest
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.setup.memory import shards_bytes
from meterstorm.actors.setup.origin import OriginError
from meterstorm.experiments.runs import run as runs
from meterstorm.experiments.scenario import validate
from meterstorm.experiments.scenario.files import varied
from meterstorm.experiments.sweeps import chunks, pool, results
from meterstorm.experiments.sweeps import run as sweeps
from meterstorm.experiments.sweeps.chunks import WorldKey
from meterstorm.experiments.sweeps.options import SweepOptions
from meterstorm.experiments.sweeps.points import Plan
from meterstorm.experiments.sweeps.seen import Seen

from support.layers import layered
from support.sweeps import SCENE, SMALL, bytes_of, plan_of, played, rows_in, run_in, workers_below

VERSIONS = {
    "cases": [{"name": "calm", "set": {"faults": []}}, {"name": "dark"}],
    "arms": [
        {"name": "immediate", "set": {"policies.failover": {"name": "immediate"}}},
        {"name": "never", "set": {"policies.failover": {"name": "never"}}},
    ],
}
VARY = {"clients.count": [10, 40], "arms.never.servers.service_ms": "100:900:2"}


def worlds_of(made: Plan) -> list[WorldKey]:
    return list(next(Seen(made, [], 0).batches()))


def test_rows_are_what_single_runs_give(tmp_path):
    """By way of a file with the keys set, and `run`: every digest, metric, name and number."""
    made = plan_of(VARY, VERSIONS, {"run": {"first_replication": 3}})
    run_in(tmp_path, made)
    expected = []
    for point, (count, service) in enumerate([(10, 100.0), (10, 900.0), (40, 100.0), (40, 900.0)]):
        immediate, never = VERSIONS["arms"]
        slow = {"arms": [immediate, {"name": "never", "set": never["set"] | {"servers.service_ms": service}}]}
        raw = layered(SMALL, VERSIONS, slow, {"run": {"first_replication": 3}, "clients": {"count": count}})
        for result in runs.run(validate(raw), workers=0).versions:
            expected += [
                {"point": point, "clients.count": count, "arms.never.servers.service_ms": service,
                 "case": result.version.case, "arm": result.version.arm, "replication": row.number, "seed": 1,
                 "digest": f"{row.digest:016x}", "events": row.events, "error": None} | dict(row.metrics)
                for row in result.replications
            ]  # fmt: skip
    rows = rows_in(tmp_path, made)
    worlds = [row.pop("world") for row in rows]
    assert rows == expected
    assert [row["replication"] for row in rows[:2]] == [3, 4]
    # Worlds of one identity and replication give the same, and others others.
    assert len(set(zip(worlds, (row["replication"] for row in rows), strict=True))) == len(
        {(row["digest"], row["case"], row["arm"]) for row in rows}
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_trace_that_is_another_when_it_is_read_is_noticed(tmp_path, monkeypatch, workers):
    """Whoever answers first has no say in what the right one is."""
    trace, new_rows = tmp_path / "trace.csv", sweeps._new_rows
    trace.write_text("time_s,client,run_time_s\n10,0,5\n")
    made = plan_of({"clients.count": [1, 2]}, {"workload": {"arrivals": "trace", "trace": str(trace)}})

    def change_and_run(*arguments):
        trace.write_text("time_s,client,run_time_s\n10,0,6\n")
        return new_rows(*arguments)

    monkeypatch.setattr(sweeps, "_new_rows", change_and_run)
    whose = "a worker process" if workers else "this process"
    with pytest.raises(OriginError, match=rf"^{whose} has {re.escape(str(trace))} \w+; this run has"):
        run_in(tmp_path / "sweep", made, workers=workers)


def test_a_seed_may_be_varied(tmp_path):
    made = plan_of({"run.seed": [1, 2**63 - 1]})
    run_in(tmp_path, made)
    rows = rows_in(tmp_path, made)
    assert [row["seed"] for row in rows] == [1, 1, 2**63 - 1, 2**63 - 1]
    assert len({row["digest"] for row in rows}) == 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A sweep of 24 worlds, and the metrics.parquet of one process."""
    made = plan_of({"clients.count": "5:60:12", "clients.offline": ["allow"]})
    folder = tmp_path_factory.mktemp("undisturbed")
    run_in(folder, made)
    return made, bytes_of(folder, made)


def chunks_of(size, monkeypatch):
    """Have every chunk, the first one too, of so many worlds."""
    monkeypatch.setattr(sweeps.Pace, "__init__", lambda pace: setattr(pace, "size", size))
    monkeypatch.setattr(sweeps.Pace, "learn", lambda pace, worlds, wall_s: None)


@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_chunks_do_not_matter(chunk, undisturbed, tmp_path, monkeypatch):
    made, expected = undisturbed
    chunks_of(chunk, monkeypatch)
    run_in(tmp_path, made)
    assert bytes_of(tmp_path, made) == expected


def test_order_does_not_matter(undisturbed, tmp_path, monkeypatch):
    made, expected = undisturbed
    worlds = worlds_of(made)
    random.Random(1).shuffle(worlds)
    monkeypatch.setattr(Seen, "_left", lambda seen, before: iter(worlds))
    run_in(tmp_path, made)
    assert bytes_of(tmp_path, made) == expected


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3, None])
def test_workers_do_not_matter(workers, undisturbed, tmp_path, monkeypatch):
    made, expected = undisturbed
    monkeypatch.setattr(sweeps, "HERE_S", 0.0)  # None: the first chunks here, the others on workers
    run_in(tmp_path, made, workers=workers)
    assert bytes_of(tmp_path, made) == expected
    assert workers_below() == []


def test_ray_workers_do_not_matter(undisturbed, tmp_path, monkeypatch):
    """Their answers come in any order; how Ray runs a function is tested in actors/cluster."""

    def spread(function, jobs, workers, address, room):
        assert (workers, address) == (None, "auto")
        worlds = [version for point in made.points for version in varied(made.base, point.settings)]
        assert room.memory == (max(shards_bytes(version.scenario)[0] for version in worlds),)
        answers = [(number, "node", function(*job)) for number, job in enumerate(jobs)]
        yield from reversed(answers)

    made, expected = undisturbed
    monkeypatch.setattr(sweeps, "spread", spread)
    run_in(tmp_path, made, workers=None, ray_address="auto")
    assert bytes_of(tmp_path, made) == expected


def test_the_pace_follows_the_worlds_and_grows_no_more_than_twofold():
    pace, sizes = sweeps.Pace(), []
    for _ in range(12):
        pace.learn(pace.size, 0.001 * pace.size)  # a millisecond a world
        sizes.append(pace.size)
    assert sizes[:8] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert sizes[-1] == int(sweeps.CHUNK_S / 0.001)
    pace.learn(1, 100.0)
    assert pace.size == 1


# Interrupts and what is left


def test_what_is_done_is_not_done_again(undisturbed, tmp_path, monkeypatch):
    made, expected = undisturbed
    ran, run_world = [], chunks.run_world

    def counted(scenario, replication, **more):
        ran.append((scenario.clients.count, replication))
        return run_world(scenario, replication, **more)

    def interrupt(done):
        if done >= 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(chunks, "run_world", counted)
    first = run_in(tmp_path, made, on_progress=interrupt)
    assert first.interrupted and first.done >= 9 and first.worlds == 24
    assert len(rows_in(tmp_path, made)) == first.done
    told = []
    second = run_in(tmp_path, made, on_progress=told.append)
    assert (second.done, second.interrupted, told[0], told[-1]) == (24, False, first.done, 24)
    assert len(ran) == len(set(ran)) == 24
    assert bytes_of(tmp_path, made) == expected


# Worlds that fail


def test_a_world_that_raises_is_a_row_with_its_error_and_is_tried_again(tmp_path):
    """Whoever mends the policy and resumes gets all rows, the failed ones too."""
    made = plan_of({SCENE: [0, 1, 2]}, played(tmp_path, raises=1))
    outcome = run_in(tmp_path, made)
    assert (outcome.done, outcome.worlds) == (6, 6)
    rows = rows_in(tmp_path, made)
    assert [row["error"] is None for row in rows] == [True, True, False, False, True, True]
    assert {"no targets today" in (row["error"] or "") for row in rows[2:4]} == {True}
    assert rows[2]["digest"] is None and rows[2]["grants"] is None and rows[2]["world"] is not None
    assert [(row["point"], row["replication"]) for row in results.failures(results.collect(made, tmp_path))] == [
        (1, 0), (1, 1)
    ]  # fmt: skip
    again = sweeps.seen_in(tmp_path, made, SweepOptions()).done
    assert len(again) == 4 and not any(world.point == 1 for world in again)


@pytest.mark.parametrize("error", [InvariantViolation("leases"), ValueError("no such"), MemoryError()])
def test_what_a_world_may_raise(error, tmp_path, monkeypatch):
    def run_world(scenario, replication, **more):
        raise error

    monkeypatch.setattr(chunks, "run_world", run_world)
    made = plan_of({"clients.count": [1]})
    run_in(tmp_path, made)
    told = {row["error"] for row in rows_in(tmp_path, made)}
    assert told == {{InvariantViolation: "invariant violated: leases", ValueError: "no such",
                     MemoryError: "out of memory"}[type(error)]}  # fmt: skip


def test_a_combination_that_breaks_a_rule_fails_alone(tmp_path):
    made = plan_of({"servers.count": [4, 6], "servers.sites": [1, 2, 4]})
    run_in(tmp_path, made)
    wrong = {(row["servers.count"], row["servers.sites"]) for row in rows_in(tmp_path, made) if row["error"]}
    assert wrong == {(6, 4)}


def test_a_world_has_its_time(tmp_path):
    """The limit is of wall time, and that of the others is not touched."""
    made = plan_of({"run.duration_s": [1000.0, 1e9], "run.sample_s": [1e9]}, {"run": {"replications": 1}})
    run_in(tmp_path, made, world_limit_s=0.5)
    good, bad = rows_in(tmp_path, made)
    assert good["error"] is None and good["events"] > 0
    assert re.fullmatch(r"stopped after 0\.5 s, \d\d?% of its simulated time done", bad["error"])


def test_fail_fast_ends_at_the_first_failure(tmp_path, monkeypatch):
    chunks_of(1, monkeypatch)
    made = plan_of({SCENE: [0, 1, 2, 3]}, played(tmp_path, raises=1))
    outcome = run_in(tmp_path, made, fail_fast=True)
    assert (outcome.done, outcome.interrupted) == (3, False)
    assert [row["error"] is None for row in rows_in(tmp_path, made)] == [True, True, False]


# Workers that die


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_world_that_kills_its_process_is_blamed_and_no_other(chunk, tmp_path, monkeypatch):
    chunks_of(chunk, monkeypatch)
    scenes = {SCENE: [0, 1, 2, 3]}
    layer = {"run": {"replications": 1}}
    made = plan_of(scenes, played(tmp_path, kills=2), layer)
    run_in(tmp_path / "killed", made, workers=2)
    rows = rows_in(tmp_path / "killed", made)
    assert [row["error"] for row in rows] == [
        None, None, f"its process was ended by signal 9, {pool.TRIES} times", None
    ]  # fmt: skip
    assert workers_below() == []
    peaceful = plan_of(scenes, played(tmp_path), layer)
    run_in(tmp_path / "peaceful", peaceful)
    expected = [row["digest"] for row in rows_in(tmp_path / "peaceful", peaceful)]
    assert [row["digest"] for row in rows] == [*expected[:2], None, expected[3]]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 7, 15])
def test_a_killed_worker_costs_nothing_but_time(moment, undisturbed, tmp_path):
    """One: a world whose process is killed twice is taken for the reason."""
    made, expected = undisturbed
    killed = []

    def kill(done):
        if done >= moment and not killed and (workers := workers_below()):
            killed.append(workers[moment % len(workers)])
            os.kill(killed[0], signal.SIGKILL)

    run_in(tmp_path, made, workers=2, on_progress=kill)
    assert killed
    assert bytes_of(tmp_path, made) == expected
    assert workers_below() == []


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_an_error_and_no_endless_loop(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(pool.sys, "executable", "/bin/false")
    with pytest.raises(pool.PoolError, match="a worker process has ended with status 1"):
        run_in(tmp_path, undisturbed[0], workers=2)
    assert workers_below() == []


@pytest.mark.slow
def test_whoever_stops_listening_leaves_no_worker(undisturbed, tmp_path):
    made, _ = undisturbed
    source = sweeps._Source(made, worlds_of(made))
    options = SweepOptions(workers=2)
    common, origin = sweeps.common_of(made, options), sweeps.origin_of(made)
    with closing(sweeps._answers(source, common, options, origin, 24)) as answers:
        next(answers)
        assert len(workers_below()) == 2
    assert workers_below() == []


def test_there_are_as_many_workers_as_cpus_that_this_process_may_use(monkeypatch):
    """A container may allow fewer than the machine has."""
    asked = []

    class Nobody:
        def __init__(self, workers, common):
            asked.append(workers)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def run(self, source):
            return ()

    monkeypatch.setattr(sweeps, "Pool", Nobody)
    monkeypatch.setattr(sweeps, "cpus", lambda: 3)
    for left in (7, 2):
        assert not list(sweeps._run([], None, SweepOptions(), left))
    assert asked == [3, 2]
