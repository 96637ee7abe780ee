"""Coming back: what each key does, worked out by hand from experiments/README.md.

Client 0 launches at 10 s, while its server is away, and times out at 15 s; then the other server has its program.
"""

import pytest

from support.lab import ANSWER, LAST, LATENCY, covers, exactly, run

AGAIN = 300.0
LAYERS = (
    {"servers": {"count": 2}, "products": [{"name": "editor", "licenses": 2}], "clients": {"programs": 2}},
    {"faults": [{"kind": "unreachable", "servers": [0], "start_s": 5.0, "duration_s": 30.0}]},
)
# Each server has one license, so the second program is denied where the first one is.
TWO_PROGRAMS = [(10.0, 0, 500.0), (AGAIN, 0, 50.0)]


def policy(name, **parameters):
    """The layer with a failback policy."""
    failback = {"name": name, **parameters}
    return {"policies": {"failover": {"name": "immediate"}, "failback": failback, "balancing": {"name": "static"}}}


@covers("policies.failback.name")
@pytest.mark.parametrize(
    ("name", "parameters", "probes"),
    [
        ("none", {}, 0),
        ("at-next-request", {}, 0),
        ("probe", {"interval_s": 9.0, "jitter_s": 0.0}, 3),  # at 24, 33 and 42 s
        ("max-age", {"max_age_s": 100.0}, 0),
        ("drain", {}, 20),  # asked each second, from 16 to 35 s
    ],
)
def test_a_client_comes_back_as_its_policy_says(name, parameters, probes):
    result = run(TWO_PROGRAMS, *LAYERS, policy(name, **parameters))
    came_back = int(name != "none")
    assert (result["failovers"], result["failbacks"], result["probes"]) == (1, came_back, probes)
    assert (result["grants"], result["denials_misplaced"]) == (1 + came_back, 1 - came_back)
    assert result["timeouts"] == 1


@covers("clients.failback_moves=new", "clients.failback_moves=all")
@pytest.mark.parametrize("moves", ["new", "all"])
def test_what_runs_stays_or_moves(moves):
    """The old lease ends when its release arrives, two latencies after the new one began."""
    probing = policy("probe", interval_s=40.0, jitter_s=0.0)
    result = run(TWO_PROGRAMS, *LAYERS, probing, {"clients": {"programs": 2, "failback_moves": moves}})
    assert (result["failbacks"], result["probes"], result["grants"]) == (1, 1, 2)
    alone_s = 500.0 + 2 * LATENCY
    if moves == "new":
        assert (result["programs_moved"], result["double_grants"], result["denials"]) == (0, 0, 0)
        assert result["licenses_in_use_mean"] == exactly((alone_s + 50.0 + 2 * LATENCY) / LAST)
    else:
        assert (result["programs_moved"], result["double_grants"], result["denials_misplaced"]) == (1, 1, 1)
        assert result["licenses_in_use_mean"] == exactly((alone_s + 2 * LATENCY) / LAST)
    assert result["ghost_license_hours"] == exactly(0.0)


@covers("clients.failback_moves=all")
def test_what_moves_is_asked_for_once_the_probe_is_answered():
    """A program that is denied there is killed, as after any move, and gives its old lease back."""
    split = {"servers": {"count": 2, "split": [0.0, 1.0]}, "clients": {"failback_moves": "all"}}
    result = run([(10.0, 0, 500.0)], *LAYERS, split, policy("probe", interval_s=40.0, jitter_s=0.0))
    assert (result["grants"], result["evictions"], result["denials_misplaced"]) == (1, 1, 1)
    asked_s = 40.0  # after it moved; the answers to the probe and to the request come next
    assert result["licenses_in_use_mean"] == exactly((asked_s + ANSWER + 2 * LATENCY) / LAST)
    assert result["ghost_license_hours"] == exactly(0.0)


@covers("policies.failback.name")
def test_an_answer_that_the_client_has_moved_on_from_means_nothing():
    """It probes at 35 s, moves on at 36.5 s, and is told at 39 s; the next probe brings it home."""
    far = {"network": {"latency_ms": 2000.0}, "servers": {"count": 3}}
    lost = [
        {"kind": "unreachable", "servers": [0], "start_s": 5.0, "duration_s": 25.0},
        {"kind": "unreachable", "servers": [1], "start_s": 30.0, "duration_s": 900.0},
    ]
    launches = [(10.0, 0, 500.0), (31.5, 0, 500.0)]
    result = run(launches, *LAYERS, far, {"faults": lost}, policy("probe", interval_s=20.0, jitter_s=0.0))
    assert (result["failovers"], result["probes"], result["failbacks"]) == (2, 2, 1)


@covers("policies.failback.name")
def test_who_is_offline_does_not_move():
    """All four move every 100 s, nine times; but one of them is offline from 25 to 325 s."""
    away = {"kind": "unreachable", "servers": "all", "start_s": 20.0, "duration_s": 40.0}
    layer = policy("max-age", max_age_s=100.0, jitter=0.0, preferred=0)
    layer["policies"]["failover"] = {"name": "sms2-documented", "retries": 0, "offline_s": 300.0}
    result = run([(20.0, 0, 100.0)], *LAYERS, layer, {"faults": [away]})
    assert (result["offline_spells"], result["failovers"]) == (1, 0)
    assert result["failbacks"] == 4 * 9 - 3


@covers("policies.failback.name")
def test_what_was_in_flight_does_not_fail_after_the_move():
    """It is back at 55 s; a heartbeat of 40 to 50 s, which was lost, would time out 20 s later."""
    away = [
        {"kind": "unreachable", "servers": [0], "start_s": 5.0, "duration_s": 30.0},
        {"kind": "unreachable", "servers": [1], "start_s": 40.0, "duration_s": 900.0},
    ]
    beats = {"clients": {"heartbeat_s": 10.0, "request_timeout_s": 20.0}}
    layers = (*LAYERS, beats, {"faults": away}, policy("probe", interval_s=25.0, jitter_s=0.0))
    result = run([(10.0, 0, 500.0)], *layers)
    assert (result["failovers"], result["failbacks"], result["timeouts"]) == (1, 1, 1)


@covers("policies.failback.name")
def test_a_server_that_is_away_asks_nobody_to_move():
    """Asked at 16 s, from 30 to 34 s in vain, and at 35 s; not from 17 to 29 s."""
    away = [
        {"kind": "unreachable", "servers": [0], "start_s": 5.0, "duration_s": 30.0},
        {"kind": "crash", "servers": [1], "start_s": 16.5, "duration_s": 13.5},
    ]
    result = run([(10.0, 0, 500.0)], *LAYERS, {"faults": away}, policy("drain"))
    assert (result["failovers"], result["failbacks"], result["probes"]) == (1, 1, 1 + 5 + 1)


@covers("policies.failback.name")
def test_a_plan_is_void_once_the_client_has_moved():
    """Four clients move each 100 s, nine times; the one that fails over at 15 s does so from 115 s on."""
    by_age = policy("max-age", max_age_s=100.0, jitter=0.0, preferred=0)
    result = run([(10.0, 0, 500.0)], *LAYERS, by_age)
    assert (result["failovers"], result["failbacks"]) == (1, 4 * 9)
