"""When faults strike processes."""

from meterstorm.actors.wall.strikes import KILL, STOP, Strike, strikes
from meterstorm.experiments.scenario import validate

SECOND = 10**9


def struck(*faults, **run):
    scenario = validate(
        {
            "title": "faults",
            "run": {"warmup_s": 10.0, "duration_s": 90.0} | run,
            "servers": {"count": 3},
            "faults": [{"servers": [1], "start_s": 10.0, "duration_s": 20.0} | fault for fault in faults],
        }
    )
    return strikes(scenario, 0, 100 * SECOND)


def strike(start, end, what, server=1):
    return Strike(start * SECOND, end * SECOND, server, what)


def test_crashes_kill_and_stalls_stop_from_the_warm_up_on():
    found = struck({"kind": "crash"}, {"kind": "stall", "servers": [0], "start_s": 5.0})
    assert found == [strike(15, 35, STOP, 0), strike(20, 40, KILL)]


def test_other_faults_strike_no_process():
    kinds = ({"kind": "refusing"}, {"kind": "unreachable"}, {"kind": "slow", "factor": 2.0})
    assert struck(*kinds, {"kind": "loss", "probability": 0.5}) == []


def test_crashes_that_overlap_or_touch_are_one():
    assert struck({"kind": "crash"}, {"kind": "crash", "start_s": 20.0}, {"kind": "crash", "start_s": 40.0}) == [
        strike(20, 70, KILL)
    ]


def test_what_is_killed_is_not_stopped_too():
    found = struck({"kind": "stall", "start_s": 0.0, "duration_s": 60.0}, {"kind": "crash"})
    assert found == [strike(10, 20, STOP), strike(20, 40, KILL), strike(40, 70, STOP)]


def test_what_comes_after_the_end_strikes_nobody():
    assert struck({"kind": "crash", "start_s": 89.0}) == [strike(99, 119, KILL)]
    assert struck({"kind": "crash", "start_s": 90.0}) == []
