"""Policies: frozen values with one or a few pure methods.

The same object runs in plain Python, where it is its own reference, and compiled, where the engine calls it by
pointer. Anything random, timed or remembered comes in as an argument; a policy has no other state.
"""

from .admission import ARRIVED, DEQUEUED, Arrival, Verdict, admit, refuse
from .balancing import Report
from .compilable import compilable
from .denial import Denied, ask_again, ask_next, await_callback
from .failback import Place, Plan, ask_first, choose, move, probe, stay, when_asked
from .failover import (
    BEFORE_REQUEST,
    DENIED,
    OVERLOADED,
    REFUSED,
    RESET,
    SERVED,
    TIMED_OUT,
    Decision,
    Link,
    fail_over,
    give_up,
    go_offline,
    retry,
    send,
    wait,
)
from .selection import ANSWERED, LEAVES, Choice

__all__ = [
    "ANSWERED",
    "ARRIVED",
    "BEFORE_REQUEST",
    "DENIED",
    "DEQUEUED",
    "LEAVES",
    "OVERLOADED",
    "REFUSED",
    "RESET",
    "SERVED",
    "TIMED_OUT",
    "Arrival",
    "Choice",
    "Decision",
    "Denied",
    "Link",
    "Place",
    "Plan",
    "Report",
    "Verdict",
    "admit",
    "ask_again",
    "ask_first",
    "ask_next",
    "await_callback",
    "choose",
    "compilable",
    "fail_over",
    "give_up",
    "go_offline",
    "move",
    "probe",
    "refuse",
    "retry",
    "send",
    "stay",
    "wait",
    "when_asked",
]
