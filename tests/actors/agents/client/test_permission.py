"""What a failover policy is asked before a request, and told of answers, worked out by hand."""

from pathlib import Path
from typing import Any

import pytest

from support.lab import ANSWER, first_beat_s, run

HEAD = """
from typing import NamedTuple
from meterstorm.policies import fail_over, give_up, retry, send, wait

class Mine(NamedTuple):
    memory_size = 2

    def on_failure(self, link, memory, u):
        return retry(5.0)

"""


@pytest.fixture
def failover(tmp_path: Path):
    """Return a layer with a failover policy that has these hooks besides."""

    def written(hooks: str) -> dict[str, Any]:
        policy = tmp_path / "mine.py"
        policy.write_text(HEAD + "\n".join(f"    {line}" for line in hooks.strip().splitlines()) + "\n")
        return {"policies": {"failover": {"name": f"{policy}:Mine"}}}

    return written


def counted(found: dict[str, Any], *names: str) -> list[Any]:
    return [found[name] for name in names]


def test_a_request_waits_as_long_as_the_policy_says(failover):
    policy = failover(
        "def before_request(self, link, memory, u):\n    return send() if link.age_s >= 30.0 else wait(7.0)"
    )
    found = run([(10.0, 0, 1.0)], {"clients": {"count": 1}}, policy)
    assert found["wait_s_mean"] == pytest.approx(5 * 7.0 + ANSWER)
    assert counted(found, "attempts", "grants", "timeouts", "retries") == [1, 1, 0, 0]


def test_what_waits_may_end_meanwhile(failover):
    """Under after-start it runs from its launch, unmetered; nobody asks for it any more when the wait is over."""
    policy = failover(
        "def before_request(self, link, memory, u):\n    return wait(50.0) if link.age_s < 50.0 else send()"
    )
    layers = {"clients": {"count": 1, "enforcement": "after-start"}}
    found = run([(10.0, 0, 30.0)], layers, policy)
    assert counted(found, "launches", "attempts", "gave_up") == [1, 0, 0]
    assert found["unmetered_license_hours"] == pytest.approx(30.0 / 3600.0)


def test_the_policy_changes_the_server_before_it_asks(failover):
    policy = failover(
        "def before_request(self, link, memory, u):\n    return fail_over() if link.servers_tried < 2 else send()"
    )
    found = run([(10.0, 0, 1.0)], {"servers": {"count": 4}, "clients": {"count": 1}}, policy)
    assert counted(found, "failovers", "attempts", "grants", "messages") == [2, 1, 1, 3]


def test_it_is_told_its_server(failover):
    """It passes over all but the third one, and would take the fourth."""
    policy = failover(
        "def before_request(self, link, memory, u):\n"
        "    return send() if link.server == 2 or link.servers_tried == 3 else fail_over()"
    )
    found = run([(10.0, 0, 1.0)], {"servers": {"count": 4}, "clients": {"count": 1}}, policy)
    assert counted(found, "failovers", "attempts", "grants") == [2, 1, 1]


def test_it_is_told_how_many_it_has_passed_over_in_a_row(failover):
    """Before each request it passes over two, and asks the third."""
    policy = failover(
        "def before_request(self, link, memory, u):\n    return fail_over() if link.passed < 2 else send()"
    )
    layers = {"servers": {"count": 4}, "clients": {"count": 1}}
    found = run([(10.0, 0, 1.0), (20.0, 0, 1.0)], layers, policy)
    assert counted(found, "failovers", "attempts", "grants") == [4, 2, 2]


@pytest.mark.parametrize(
    ("skips", "more"),
    [(0, [{"name": "envoy-outlier", "failures": 2, "base_s": 900.0, "share": 1.0}]), (1, [])],
)
def test_layers_that_object_to_different_servers_end_a_round_together(skips, more):
    """The outer one has ejected the server that refuses, the inner one those that are away."""
    within = [{"name": "envoy-outlier", "failures": 1, "base_s": 900.0}, *more]
    failover = {"name": "rlm", "skips": skips, "within": within}
    faults = [
        {"kind": "refusing", "servers": [0], "start_s": 0.0, "duration_s": 900.0},
        {"kind": "unreachable", "servers": [1, 2], "start_s": 0.0, "duration_s": 900.0},
    ]
    layers = {"servers": {"count": 3}, "clients": {"count": 1}, "faults": faults}
    found = run([(20.0 * k, 0, 1.0) for k in range(1, 40)], layers, {"policies": {"failover": failover}})
    assert counted(found, "launches", "grants") == [39, 0]
    assert found["failovers"] > 39


def test_a_request_is_given_up_before_it_is_sent(failover):
    policy = failover(
        "def before_request(self, link, memory, u):\n    return give_up() if link.running == 0 else send()"
    )
    found = run([(10.0, 0, 1.0), (20.0, 0, 1.0)], {"clients": {"count": 1}}, policy)
    assert counted(found, "launches", "gave_up", "attempts", "messages") == [2, 2, 0, 0]


@pytest.mark.parametrize("then", ["give_up()", "wait(1.0)"])
def test_a_round_of_changes_ends_with_another_answer(then, failover):
    """A policy that passes over each other server before every request: a new round may change as often again."""
    policy = failover(
        f"""
def before_request(self, link, memory, u):
    memory[0] += 1.0
    return {then} if memory[0] % 4.0 == 0.0 else fail_over()

def on_success(self, link, memory, u):
    pass
"""
    )
    layers = {"servers": {"count": 4}, "clients": {"count": 1}}
    found = run([(10.0, 0, 1.0), (20.0, 0, 1.0), (30.0, 0, 1.0)], layers, policy)
    gives_up = then == "give_up()"
    assert counted(found, "attempts", "gave_up") == [0, 3 * gives_up]


def test_a_heartbeat_goes_out_where_what_comes_before_it_is_given_up(failover):
    """A beat is due while a second program's request is in flight; when it is granted, a third one is given up."""
    policy = failover(
        "def before_request(self, link, memory, u):\n    return give_up() if link.running > 1 else send()"
    )
    beat = first_beat_s(50.0)
    launches = [(beat + 1.0, 0, 500.0), (beat + 99.9, 0, 100.0), (beat + 100.05, 0, 1.0)]
    found = run(launches, {"clients": {"count": 1, "programs": 3, "heartbeat_s": 50.0}}, policy)
    assert counted(found, "gave_up", "attempts") == [1, 2]
    assert found["messages"] == 2 * 3 + 10 * 2


def test_memory_lasts_where_the_policy_says_so(failover):
    """It counts good answers, and gives up the request after three; a denial takes them all away."""
    counting = failover(
        """
def before_request(self, link, memory, u):
    return give_up() if memory[0] >= 3.0 else send()

def on_success(self, link, memory, u):
    memory[0] += 1.0

def on_denial(self, link, memory, u):
    memory[0] = 0.0
"""
    )
    launches = [(10.0 * k, 0, 1.0) for k in range(1, 9)]
    found = run(launches, {"clients": {"count": 1}}, counting)
    assert counted(found, "grants", "gave_up") == [3, 5]
    denying = {"products": [{"name": "editor", "licenses": 1}]}
    others = [(25.0, 1, 10.0)]  # has the license when client 0 asks for the third time
    found = run([*launches, *others], denying, {"clients": {"count": 2}}, counting)
    assert counted(found, "denials", "grants", "gave_up") == [1, 2 + 1 + 3, 2]


def test_without_on_success_a_good_answer_makes_it_forget(failover):
    policy = failover(
        "def before_request(self, link, memory, u):\n    memory[0] += 1.0\n"
        "    return give_up() if memory[0] > 1.0 else send()"
    )
    found = run([(10.0 * k, 0, 1.0) for k in range(1, 9)], {"clients": {"count": 1}}, policy)
    assert counted(found, "grants", "gave_up") == [8, 0]


def test_it_is_told_round_trips(failover):
    """Two clients ask at once: the second one's answer takes a service longer, and it asks no more."""
    policy = failover(
        "def before_request(self, link, memory, u):\n    return send() if link.round_trip_s < 0.3 else give_up()"
    )
    launches = [(10.0, 0, 1.0), (10.0, 1, 1.0), (20.0, 0, 1.0), (30.0, 1, 1.0)]
    found = run(launches, {"clients": {"count": 2}}, policy)
    assert counted(found, "grants", "gave_up") == [3, 1]


def test_it_is_told_of_queues_and_free_licenses(failover):
    """Four ask at once, where there are three licenses: each knows how many were behind it, and how many are left.

    When all ask again, the licenses are back, and each gives up unless it was told what it should have been.
    """
    policy = failover(
        "def before_request(self, link, memory, u):\n"
        "    told = 10 * link.waiting + link.free\n"
        "    return send() if told == -11 or told == TOLD else give_up()"
    )
    path = policy["policies"]["failover"]["name"].partition(":")[0]
    text = Path(path).read_text()
    layers = {"products": [{"name": "editor", "licenses": 3}], "clients": {"count": 4}}
    launches = [(at_s, client, 1.0) for at_s in (10.0, 20.0) for client in range(4)]
    for told in (32, 21, 10, 0):  # the last one was denied
        Path(path).write_text(text.replace("TOLD", str(told)))
        found = run(launches, layers, policy)
        assert counted(found, "attempts", "gave_up") == [4 + 1, 3]


def test_what_it_was_told_is_of_its_present_server(failover):
    """It leaves the first server once it was told there, and asks the next one until it was told there."""
    policy = failover(
        "def before_request(self, link, memory, u):\n"
        "    if link.free < 0:\n"
        "        return send()\n"
        "    return fail_over() if link.server == 0 else give_up()"
    )
    launches = [(10.0, 0, 1.0), (20.0, 0, 1.0), (30.0, 0, 1.0)]
    found = run(launches, {"servers": {"count": 2}, "clients": {"count": 1}}, policy)
    assert counted(found, "grants", "failovers", "gave_up") == [2, 1, 1]


def test_a_client_that_has_crashed_knows_no_round_trip(failover):
    """It asks once in each of its lives: the second launch is given up, and so is the last."""
    policy = failover(
        "def before_request(self, link, memory, u):\n    return give_up() if link.round_trip_s > 0.0 else send()"
    )
    layer = {
        "clients": {"count": 1},
        "faults": [{"kind": "client-crash", "start_s": 50.0, "duration_s": 10.0}],
    }
    found = run([(10.0, 0, 1.0), (20.0, 0, 1.0), (100.0, 0, 1.0), (110.0, 0, 1.0)], layer, policy)
    assert counted(found, "client_crashes", "grants", "gave_up") == [1, 2, 2]


def test_it_is_told_which_failures_are_a_heartbeats(failover):
    policy = failover(
        """
def on_failure(self, link, memory, u):
    return give_up() if link.is_heartbeat else retry(5.0)
"""
    )
    away = {"faults": [{"kind": "unreachable", "start_s": 100.0, "duration_s": 300.0}]}
    layers = {"clients": {"count": 1, "heartbeat_s": 50.0}}
    found = run([(10.0, 0, 900.0)], layers, away, policy)
    assert counted(found, "timeouts", "attempts") == [6, 1]


def test_what_is_heard_of_a_launch_is_not_heard_of_a_heartbeat(failover):
    """Its age counts from the launch; a heartbeat has none."""
    policy = failover(
        "def on_failure(self, link, memory, u):\n    return give_up() if link.age_s > 0.0 else retry(5.0)"
    )
    away = {"faults": [{"kind": "unreachable", "start_s": 100.0, "duration_s": 300.0}]}
    found = run([(200.0, 0, 10.0), (210.0, 0, 10.0)], {"clients": {"count": 1}}, away, policy)
    assert counted(found, "timeouts", "gave_up") == [2, 2]


WRONG = {
    "wait(0.0)": "a delay that is negative, 0 (value: 0 s)",
    "wait(-2.5)": "a delay that is negative, 0 (value: -3 s)",
    "retry(3.0)": "an action that is not possible (value 1); it must be one of send, wait, fail_over, give_up",
    "fail_over()": "fail_over, after 4 changes of server in a row before a request",
}


@pytest.mark.parametrize("answer", WRONG)
def test_answers_that_make_no_sense(answer, failover):
    policy = failover(f"def before_request(self, link, memory, u):\n    return {answer}")
    with pytest.raises(
        ValueError, match=r"mine\.py, line 11: failover policy Mine: before_request returned"
    ) as raised:
        run([(10.0, 0, 1.0)], {"servers": {"count": 4}, "clients": {"count": 1}}, policy)
    assert WRONG[answer] in str(raised.value)


def test_an_exception_before_a_request_has_its_line(failover):
    policy = failover(
        "def before_request(self, link, memory, u):\n    memory[2 + link.failures] = 1.0\n    return send()"
    )
    with pytest.raises(
        ValueError, match=r"mine\.py, line 12: failover policy Mine: before_request raised IndexError"
    ):
        run([(10.0, 0, 1.0)], {"clients": {"count": 1}}, policy)


def test_a_request_that_waits_for_its_connection_is_asked_about_once(failover):
    """The policy counts how often it is asked: four launches, of which it lets three go."""
    policy = failover(
        """
def before_request(self, link, memory, u):
    memory[0] += 1.0
    return send() if memory[0] <= 3.0 else give_up()

def on_success(self, link, memory, u):
    pass
"""
    )
    layers = {"clients": {"count": 1, "connection": "kept"}}
    crashes = {"faults": [{"kind": "crash", "start_s": 15.0, "duration_s": 1.0, "repeat_s": 10.0, "repeats": 5}]}
    found = run([(10.0 * k, 0, 1.0) for k in range(1, 5)], layers, crashes, policy)
    assert counted(found, "connects", "grants", "gave_up") == [3, 3, 1]
