"""What a policy makes a client do and wait for, step by step, while nothing works: plain Python, no simulation.

A failover policy faces a ring of servers, none of which answers: each attempt times out after `ATTEMPT_S`. A
denial policy is denied every time, by every server. A failback policy is away from a preferred server that answers
no probe.
"""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from . import denial, failback, failover, wrapping
from .failover import Link

DRAWS = (0.05, 0.5, 0.95)  # of `u`, each all the way
ATTEMPT_S = 1.0
SERVERS = 3
WORDS = {
    failover.RETRY: "retry",
    failover.FAIL_OVER: "fail over",
    failover.GO_OFFLINE: "go offline",
    failover.GIVE_UP: "give up",
    failover.WAIT: "wait",
    denial.ASK_AGAIN: "ask again",
    denial.ASK_NEXT: "ask next",
    denial.AWAIT_CALLBACK: "await callback",
}
PLAN_WORDS = {
    failback.STAY: "stay",
    failback.ASK_FIRST: "ask first",
    failback.WHEN_ASKED: "when asked",
    failback.PROBE: "probe",
    failback.MOVE: "move",
    failback.CHOOSE: "choose",
}


class Pause(NamedTuple):
    """One step: what was decided, in words, and after how many seconds (offline: for how many)."""

    decision: str
    delay_s: float


def pauses(kind: str, policy: Any, u: float, steps: int = 8) -> list[Pause]:
    """Return the first steps of a policy where every draw is `u`; none of a kind that pauses nowhere.

    It may end sooner: with a request that is given up, a spell offline, or a plan that needs no time.
    """
    return list(islice(_WALKS[kind](policy, u), steps)) if kind in _WALKS else []


def _failing(policy: Any, u: float) -> Iterator[Pause]:
    """Yield what a failover policy decides about one request, before it is sent and after each failure."""
    cls: Any = type(policy)
    ask, memory = wrapping.plain(cls), np.zeros(int(getattr(policy, "memory_size", 0)))
    link = Link(0.0, failover.BEFORE_REQUEST, 0.0, 0, 0, 0, SERVERS, 0)
    while True:
        decision = ask(policy, link, memory, u)
        if decision.action != failover.SEND:
            yield Pause(WORDS.get(decision.action, f"action {decision.action}"), decision.delay_s)
        if decision.action in (failover.GO_OFFLINE, failover.GIVE_UP):
            return
        link = _next_link(link, decision.action, decision.delay_s)


def _next_link(link: Link, action: int, delay_s: float) -> Link:
    """Return what a client knows when it is asked next: after a failure, or before a request."""
    if action == failover.SEND:
        later = link._replace(kind=failover.TIMED_OUT, tries_here=link.tries_here + 1, failures=link.failures + 1)
        delay_s = ATTEMPT_S
    elif action == failover.FAIL_OVER:
        later = link._replace(
            kind=failover.BEFORE_REQUEST,
            tries_here=0,
            servers_tried=link.servers_tried + 1,
            server=(link.server + 1) % SERVERS,
        )
    else:
        later = link._replace(kind=failover.BEFORE_REQUEST)
    return later._replace(now_s=link.now_s + delay_s, age_s=link.age_s + delay_s)


def _denied(policy: Any, u: float) -> Iterator[Pause]:
    denied = denial.Denied(0.0, 0.0, -math.log1p(-u), 1, 1, SERVERS, 0)
    while True:
        action, delay_s = policy.on_denial(denied, u)
        yield Pause(WORDS.get(action, f"action {action}"), delay_s)
        if action == denial.ASK_NEXT:
            denied = denied._replace(servers_asked=denied.servers_asked + 1)
        elif action == denial.ASK_AGAIN or (action == denial.AWAIT_CALLBACK and delay_s > 0):
            waited_s = denied.waited_s + delay_s
            denied = denied._replace(now_s=waited_s, waited_s=waited_s, tries=denied.tries + 1, servers_asked=1)
        else:
            return


def _away(policy: Any, u: float) -> Iterator[Pause]:
    place = failback.Place(0.0, 0, 1, 0, SERVERS, 0)
    while True:
        action, delay_s = policy.plan(place, u)
        yield Pause(PLAN_WORDS.get(action, f"action {action}"), delay_s)
        if action != failback.PROBE:
            return
        place = place._replace(now_s=place.now_s + delay_s, plans=place.plans + 1)


_WALKS: dict[str, Callable[[Any, float], Iterator[Pause]]] = {
    "failover": _failing,
    "denial": _denied,
    "failback": _away,
}
