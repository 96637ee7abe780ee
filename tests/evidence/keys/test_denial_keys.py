"""[policies] denial: what a denied user does, worked out by hand."""

import math

import pytest

from support.lab import ANSWER, INSTANT, LAST, LATENCY, SERVICE, covers, exactly, is_mean, run

ONE_LICENSE = {"products": [{"name": "editor", "licenses": 1}]}
NO_LICENSE = {"products": [{"name": "editor", "licenses": 0}]}
ONE_LAUNCH = [(10.0, 0, 5.0)]


def denial(name, **parameters):
    """The layer with a denial policy."""
    return {"policies": {"denial": {"name": name, **parameters}}}


@covers("policies.denial.name")
def test_a_user_who_gives_up_is_free_for_the_next_launch():
    result = run([(10.0, 0, 5.0), (11.0, 0, 5.0)], NO_LICENSE)
    assert (result["launches"], result["suppressed"], result["denials"]) == (2, 0, 2)
    assert (result["wait_s_max"], result["waiting_users_mean"]) == (exactly(ANSWER), 0)


@covers("policies.denial.name")
@pytest.mark.parametrize("delay_s", [0.5, 4.0])
def test_a_user_who_retries_asks_again_and_again(delay_s):
    """A renewal process: an answer, then an exponential wait."""
    launches = [(0.0, client, 5.0) for client in range(40)]
    result = run(launches, INSTANT, NO_LICENSE, {"clients": {"count": 40}}, denial("retry", delay_s=delay_s))
    expected = 40 * LAST / delay_s  # beside the first ones
    assert is_mean(result["denials"] - 40, expected, math.sqrt(expected), 1)
    assert (result["denials"], result["waiting_users_mean"]) == (result["attempts"], 40)


@covers("policies.denial.name")
def test_a_user_who_retries_has_the_license_soon_after_it_is_free():
    """And waits until then; the slot is busy."""
    launches = [(10.0, 0, 20.0), (15.0, 1, 5.0), (16.0, 1, 5.0)]
    result = run(launches, ONE_LICENSE, denial("retry", delay_s=1.0))
    assert (result["grants"], result["suppressed"]) == (2, 1)
    assert result["denials"] == result["attempts"] - 2
    freed = 10 + ANSWER + 20 + LATENCY
    assert freed - 15 < result["wait_s_max"] < freed - 15 + 10  # more than 10 s: once in e^10
    waiting_s = result["waiting_users_mean"] * LAST
    assert waiting_s == pytest.approx(result["wait_s_max"] - ANSWER, abs=2e-6)  # from and to whole microseconds


@covers("policies.denial.name")
def test_users_who_wait_for_a_callback_have_the_license_in_order():
    freed = 10 + ANSWER + 20 + LATENCY
    launches = [(10.0, 0, 20.0), (15.0, 2, 10.0), (16.0, 1, 10.0)]
    result = run(launches, ONE_LICENSE, denial("callback"))
    assert (result["grants"], result["denials"], result["attempts"]) == (3, 2, 5)
    granted_2 = freed + LATENCY + ANSWER
    granted_1 = granted_2 + 10 + LATENCY + LATENCY + ANSWER
    assert result["wait_s_mean"] * 3 == exactly(ANSWER + (granted_2 - 15) + (granted_1 - 16))
    assert result["wait_s_max"] == exactly(granted_1 - 16)  # the other way round, it were granted_1 - 15
    assert result["waiting_users_mean"] == exactly((granted_2 - 15 + granted_1 - 16 - 2 * ANSWER) / LAST)


@covers("policies.denial.name")
def test_the_free_license_is_reserved_for_the_user_called_back():
    """Client 2's request arrives before the answer to the callback, and is denied all the same."""
    freed = 10 + ANSWER + 20 + LATENCY
    launches = [(10.0, 0, 20.0), (15.0, 1, 1e6), (freed - 0.004, 2, 10.0)]
    result = run(launches, ONE_LICENSE, denial("callback"))
    assert (result["grants"], result["denials"], result["denials_exhausted"]) == (2, 2, 2)
    granted = freed + 0.001 + 2 * SERVICE + LATENCY  # the worker is busy with client 2's request
    assert result["wait_s_max"] == exactly(granted - 15.0)
    assert result["waiting_users_mean"] == exactly(((granted - 15 - ANSWER) + (LAST - granted + SERVICE)) / LAST)


@covers("policies.denial.name")
def test_a_crash_loses_the_line_and_who_asks_again_stands_in_it_again():
    """Client 0's license is lost with it, and client 2 has that; client 1 asks again meanwhile, and is called."""
    launches = [(10.0, 0, 1e6), (20.0, 1, 5.0), (40.0, 2, 60.0)]
    crash = {"faults": [{"kind": "crash", "start_s": 30.0, "duration_s": 2.0}], "servers": {"durable": False}}
    result = run(launches, ONE_LICENSE, crash, denial("callback", poll_s=35.0))
    freed = 40 + ANSWER + 60 + LATENCY
    assert result["wait_s_max"] == exactly(freed + LATENCY + ANSWER - 20)


@covers("policies.denial.name")
@pytest.mark.parametrize("split", [[1, 1], [0, 1]])
def test_a_late_answer_elsewhere_neither_ends_a_wait_nor_moves_it(split):
    """Server 0 takes 20 s for client 0, who by then waits at server 1, for client 1 to end at 70 s."""
    servers = {
        "servers": {"count": 2, "split": [share / sum(split) for share in split]},
        "products": [{"name": "editor", "licenses": sum(split)}],
        "clients": {"count": 2, "assignment": [0.5, 0.5]},
        "faults": [{"kind": "slow", "servers": [0], "start_s": 14.0, "duration_s": 2.0, "factor": 100.0}],
    }
    away = {"policies": {"failover": {"name": "immediate"}}}
    result = run([(10.0, 1, 60.0), (15.0, 0, 5.0)], servers, away, denial("callback"))
    assert (result["grants"], result["denials"], result["attempts"]) == (2, 3 - sum(split), 4)
    assert result["wait_s_max"] == exactly(10 + ANSWER + 60 + 2 * LATENCY + ANSWER - 15)


@covers("policies.denial.name")
@pytest.mark.parametrize("poll_s", [0.0, 20.0, 50.0])
def test_a_user_who_waits_for_a_callback_asks_again_now_and_then(poll_s):
    tries = math.ceil((LAST - 10) / (ANSWER + poll_s)) if poll_s else 1
    result = run([(10.0, 0, 5.0)], NO_LICENSE, denial("callback", poll_s=poll_s))
    assert result["attempts"] == result["denials"] == tries
    assert result["waiting_users_mean"] == exactly((LAST - 10 - ANSWER) / LAST)


@covers("policies.denial.name")
@pytest.mark.parametrize(("patience_s", "waited_s"), [(0.0, 0.0), (25.0, 25.0), (30.0, 30.0), (35.0, 35.0)])
def test_patience_ends_with_a_last_try(patience_s, waited_s):
    """At the first denial, then every 10 s from each answer, and once more when patience is at its end."""
    result = run(ONE_LAUNCH, NO_LICENSE, denial("constant-retry", delay_s=10.0, patience_s=patience_s))
    every_s = 10.0 + ANSWER
    tries = 1 + math.ceil(patience_s / every_s)
    assert result["attempts"] == result["denials"] == tries
    assert result["wait_s_max"] == exactly((ANSWER if tries > 1 else 0.0) + ANSWER + waited_s)
    assert result["waiting_users_mean"] == exactly((waited_s + (ANSWER if tries > 1 else 0.0)) / LAST)
    assert result["gave_up"] == 0  # a server has decided


@covers("policies.denial.name")
@pytest.mark.parametrize("tries", [1, 2, 5])
def test_a_user_gives_up_after_so_many_tries(tries):
    """Backoff: 2, 4, 8, 8, ... seconds from each denial to the next request."""
    result = run(ONE_LAUNCH, NO_LICENSE, denial("backoff-retry", base_s=2.0, cap_s=8.0, tries=tries))
    pauses_s = [2.0, 4.0, 8.0, 8.0][: tries - 1]
    assert result["attempts"] == result["denials"] == tries
    assert result["wait_s_max"] == exactly(tries * ANSWER + sum(pauses_s))


@covers("policies.denial.name")
def test_each_launch_has_its_own_tries():
    """A user who has given up is free for the next launch, whose tries count from one."""
    launches = [(10.0, 0, 5.0), (100.0, 0, 5.0)]
    result = run(launches, NO_LICENSE, denial("constant-retry", delay_s=10.0, tries=3))
    assert (result["launches"], result["suppressed"], result["attempts"]) == (2, 0, 6)


@covers("policies.denial.name")
@pytest.mark.parametrize("name", ["constant-retry", "backoff-retry"])
def test_jitter_spreads_the_pauses(name):
    """Uniform on [1 - jitter, 1] of a second: a renewal process of mean 0.7 s with variance 0.03 s^2."""
    pause = {"delay_s": 1.0} if name == "constant-retry" else {"base_s": 1.0, "cap_s": 1.0}
    launches = [(0.0, client, 5.0) for client in range(40)]
    layer = denial(name, jitter=0.6, **pause)
    result = run(launches, INSTANT, NO_LICENSE, {"clients": {"count": 40}}, layer)
    mean, variance = 0.7, 0.6**2 / 12
    expected = 40 * LAST / mean
    assert is_mean(result["denials"] - 40, expected, math.sqrt(40 * LAST * variance / mean**3), 1)


@covers("policies.denial.name")
@pytest.mark.parametrize(("servers", "asked"), [(1, 1), (2, 2), (3, 3), (math.inf, 3)])
def test_so_many_servers_are_asked_before_the_user_is_told(servers, asked):
    """Each once, in order; the user hears nothing meanwhile, so that nobody waits after a denial."""
    result = run(ONE_LAUNCH, NO_LICENSE, {"servers": {"count": 3}}, denial("give-up", servers=servers))
    assert (result["denials"], result["attempts"], result["failovers"]) == (asked, asked, asked - 1)
    assert result["wait_s_max"] == exactly(asked * ANSWER)
    assert result["waiting_users_mean"] == 0


@covers("policies.denial.name")
def test_the_next_server_grants_what_the_first_one_has_not():
    """A license is at server 1 only: with two servers asked, it is granted one answer later."""
    servers = {"servers": {"count": 2, "split": [0.0, 1.0]}, "clients": {"assignment": [1.0, 0.0]}}
    result = run(ONE_LAUNCH, ONE_LICENSE, servers, denial("give-up", servers=2))
    assert (result["grants"], result["denials"], result["denials_misplaced"]) == (1, 1, 1)
    assert result["wait_s_max"] == exactly(2 * ANSWER)


@covers("policies.denial.name")
def test_all_servers_are_asked_again_at_each_try():
    layer = denial("constant-retry", delay_s=10.0, tries=2, servers=2)
    result = run(ONE_LAUNCH, NO_LICENSE, {"servers": {"count": 2}}, layer)
    assert (result["denials"], result["failovers"]) == (4, 2)
    assert result["wait_s_max"] == exactly(4 * ANSWER + 10.0)


@covers("policies.denial.name")
@pytest.mark.parametrize(
    ("asked_before", "denials", "freed"),
    [(0, 1, 110.0), (1, 2, 60.0), (2, 3, 210.0), (3, 4, 110.0), (math.inf, 4, 110.0)],
)
def test_a_launch_asks_some_servers_before_one_has_it_wait(asked_before, denials, freed):
    """Of three servers with a license each the first is client 3's; the one where it waits calls it back."""
    held = [(10.0, 0, 100.0), (10.0, 1, 50.0), (10.0, 2, 200.0)]
    three = {"servers": {"count": 3}, "products": [{"name": "editor", "licenses": 3}]}
    called = {"policies": {"denial": {"name": "callback", "asked_before": asked_before}}}
    result = run([*held, (20.0, 3, 10.0)], three, called)
    assert (result["grants"], result["denials"], result["attempts"]) == (4, denials, 3 + denials + 1)
    granted = freed + ANSWER + LATENCY + LATENCY + ANSWER
    assert result["wait_s_max"] == exactly(granted - 20.0)


@covers("policies.denial.name")
def test_with_one_server_nobody_is_asked_before():
    called = {"policies": {"denial": {"name": "callback", "asked_before": math.inf}}}
    queue = [(10.0, 0, 20.0), (15.0, 1, 10.0), (16.0, 2, 10.0)]
    assert run(queue, ONE_LICENSE, called) == run(queue, ONE_LICENSE, denial("callback"))
