"""What a client remembers of failures, worked out by hand."""

from pathlib import Path

import pytest

from support.lab import run

PATIENT = '''
from typing import NamedTuple
from meterstorm.policies.failover import fail_over, give_up

class Patient(NamedTuple):
    """Give up two requests, and move at the third failure at a server."""

    def on_failure(self, link, memory, u):
        if link.tries_here < 3:
            return give_up()
        return fail_over(0.0)
'''


def test_tries_at_a_server_outlive_a_request_that_was_given_up(tmp_path: Path):
    """The first server never answers: two launches are given up, the third moves and is granted."""
    policy = tmp_path / "patient.py"
    policy.write_text(PATIENT)
    found = run(
        [(10.0, 0, 1.0), (100.0, 0, 1.0), (200.0, 0, 1.0)],
        {
            "servers": {"count": 2},
            "clients": {"count": 1},
            "policies": {"failover": {"name": f"{policy}:Patient"}},
            "faults": [{"kind": "unreachable", "servers": [0], "start_s": 0.0, "duration_s": 900.0}],
        },
    )
    names = ("timeouts", "gave_up", "failovers", "grants")
    assert [found[name] for name in names] == [3, 2, 1, 1]


def test_the_last_client_is_served_when_it_asks_again():
    """Refused at 150 s, it waits 100 s and asks again; the fault ends at 200 s. The other client is not hit."""
    found = run(
        [(150.0, 0, 0.0), (300.0, 1, 0.0)],
        {
            "clients": {"count": 2},
            "policies": {"failover": {"name": "retry-then-failover", "retries": 9.0, "delay_s": 100.0}},
            "faults": [{"kind": "refusing", "start_s": 100.0, "duration_s": 100.0}],
        },
    )
    assert found["time_to_last_client_s"] == pytest.approx(50.0 + 0.01 + 0.01 + 0.2)


def test_who_is_never_served_again_is_missed(tmp_path: Path):
    """It gives up at the refusal, and launches no more."""
    found = run(
        [(150.0, 0, 0.0)],
        {"clients": {"count": 1}, "faults": [{"kind": "refusing", "start_s": 100.0, "duration_s": 100.0}]},
    )
    assert found["time_to_last_client_s"] == float("inf")
    found = run(
        [(450.0, 0, 0.0)],
        {
            "network": {"loss": 0.999},
            "clients": {"count": 1},
            "faults": [{"kind": "slow", "factor": 1.0, "start_s": 100.0, "duration_s": 100.0}],
        },
    )
    assert found["timeouts"] == 1
    assert found["time_to_last_client_s"] == 0  # that was no fault's doing: it ended 250 s before
