"""What a policy waits, step by step: the published formula at every draw, and the world that its walk assumes."""

from itertools import pairwise
from typing import NamedTuple

import pytest
from meterstorm.policies import BEFORE_REQUEST, TIMED_OUT, fail_over, give_up, retry, send, wait
from meterstorm.policies.pauses import ATTEMPT_S, DRAWS, Pause, pauses
from meterstorm.policies.registry import BUILT_IN, resolve


def steps(kind, name, u=0.5, count=8, **parameters):
    return pauses(kind, resolve(kind, name, parameters), u, count)


@pytest.mark.parametrize("u", [*DRAWS, 0.0])
def test_full_jitter_waits_its_share_of_the_doubled_base(u):
    found = steps("failover", "full-jitter", u, count=9)
    assert found == [Pause("retry", u * min(60.0, 2.0**n)) for n in range(1, 10)]


def test_memory_lasts_from_step_to_step():
    delays = [pause.delay_s for pause in steps("failover", "decorrelated-jitter", cap_s=1e9, count=12)]
    for last, this in pairwise(delays):
        assert this == pytest.approx(0.5 + 1.5 * last)


def test_a_walk_ends_with_what_ends_a_request():
    assert [pause.decision for pause in steps("failover", "polly")] == ["retry", "retry", "retry", "give up"]
    assert steps("failover", "sms2-documented")[-1] == Pause("go offline", 14400.0)
    assert len(steps("failover", "tenacity", count=50)) == 50


class Seen(NamedTuple):
    """Answers by what it has seen: when it was asked last, and whether it has waited."""

    memory_size = 2

    def on_failure(self, link, memory, u):
        assert link.kind == TIMED_OUT
        assert link.now_s == link.age_s == memory[0] + ATTEMPT_S
        memory[0] = link.now_s + 10.0
        return fail_over(10.0) if link.tries_here == 2 else give_up() if link.failures == 5 else retry(10.0)

    def before_request(self, link, memory, u):
        assert link.kind == BEFORE_REQUEST
        assert (link.tries_here, link.servers_tried) == (link.failures % 2, link.failures // 2)
        if link.failures == 3 and memory[1] == 0.0:
            memory[1] = 1.0
            return wait(5.0)
        memory[0] = link.now_s
        return send()


def test_a_client_knows_its_time_its_failures_and_its_moves():
    found = [(pause.decision, pause.delay_s) for pause in pauses("failover", Seen(), 0.5, 99)]
    assert found == [
        ("retry", 10.0),
        ("fail over", 10.0),
        ("retry", 10.0),
        ("wait", 5.0),
        ("fail over", 10.0),
        ("give up", 0.0),
    ]


def test_a_denied_user_goes_round_the_servers_and_comes_back_with_less_patience():
    found = steps("denial", "constant-retry", servers=2, patience_s=100.0, delay_s=70.0)
    assert found == [Pause("ask next", 0.0), Pause("ask again", 70.0), Pause("ask next", 0.0),
                     Pause("ask again", 30.0), Pause("ask next", 0.0), Pause("give up", 0.0)]  # fmt: skip
    assert steps("denial", "callback") == [Pause("await callback", 0.0)]
    assert len(steps("denial", "callback", poll_s=5.0, count=3)) == 3


def test_an_exponential_pause_is_drawn_by_its_quantiles():
    from scipy.stats import expon

    for u in DRAWS:
        assert steps("denial", "retry", u)[0].delay_s == pytest.approx(expon.ppf(u, scale=60.0))


def test_who_is_away_probes_again_and_moves_once():
    assert steps("failback", "probe", count=3) == [Pause("probe", 65.0)] * 3
    assert steps("failback", "max-age") == [Pause("move", 1800.0)]
    assert steps("failback", "none") == [Pause("stay", 0.0)]


@pytest.mark.parametrize("kind", ["selection", "admission", "balancing", "intersite"])
def test_other_kinds_pause_nowhere(kind):
    assert all(steps(kind, name) == [] for name in BUILT_IN[kind])
