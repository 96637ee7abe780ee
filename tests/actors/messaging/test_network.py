"""Whether a message arrives, worked out by hand."""

from support.lab import run


def test_loss_is_decided_when_a_message_is_sent():
    """Messages take 5 s. All that are sent from 10 to 12 s are lost: one of two requests, and no answer.

    The request of 8 s is answered at 13 s; that of 11 s would arrive, and be answered, at 16 s.
    """
    found = run(
        [(8.0, 0, 0.0), (11.0, 1, 0.0)],
        {
            "network": {"latency_ms": 5000.0},
            "servers": {"service_ms": 0.0},
            "clients": {"count": 2, "request_timeout_s": 60.0},
            "faults": [{"kind": "loss", "probability": 1.0, "start_s": 10.0, "duration_s": 2.0}],
        },
    )
    assert (found["grants"], found["timeouts"], found["messages_lost"]) == (1, 1, 1)
