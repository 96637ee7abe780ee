"""Denial policies: what a user does after being denied a license.

To write one, define a NamedTuple whose fields are numbers, with a method `on_denial(self, denied, u)` that returns
`give_up()`, `ask_again(delay_s)`, `ask_next()` or `await_callback(poll_s)`; `u` is uniform on [0, 1). A policy
that may ask the next server has `servers`, a field or an attribute of the class, above 1; one whose users may
await a callback has `is_called_back = True`, and `asked_before` above 0 if that many servers are asked for none.
"""

import math
from typing import Any, NamedTuple

from .compilable import compilable
from .failover import Decision, capped_backoff, give_up

# Actions of a decision, beside failover's GIVE_UP.
ASK_AGAIN, ASK_NEXT, AWAIT_CALLBACK = 5, 6, 7

SHORTEST_S = 1e-8  # of a wait: time must go on, and less patience than that is a rounding error


class Denied(NamedTuple):
    """What a client knows at the instant of a denial."""

    now_s: float  # since the start of the simulation
    waited_s: float  # since the first denial of this wait, 0 at that one
    pause: float  # an exponential draw of mean 1
    tries: int  # times that the user has asked in this wait, this one included
    servers_asked: int  # servers that have denied this try, this one included
    servers: int  # how many there are
    ran: int  # 1: the program ran, under a lease or offline; it ends now, and no other server is asked


@compilable
def ask_again(delay_s: float) -> Decision:
    """Tell the user, who then asks again after `delay_s`, above 0."""
    return Decision(ASK_AGAIN, float(delay_s))


@compilable
def ask_next() -> Decision:
    """Before the user is told, move to the server that the selection policy names, and ask there."""
    return Decision(ASK_NEXT, 0.0)


@compilable
def await_callback(poll_s: float = 0.0) -> Decision:
    """Tell the user, who waits to be called back, and asks again without a callback after `poll_s` (0: never)."""
    return Decision(AWAIT_CALLBACK, float(poll_s))


@compilable
def _next_or_later(denied: Denied, delay_s: float, tries: float, patience_s: float, servers: float) -> Decision:
    """Ask up to `servers` servers in a row, then wait; give up after `tries` tries or `patience_s`."""
    if denied.ran == 0 and denied.servers_asked < min(servers, float(denied.servers)):
        return ask_next()
    left_s = patience_s - denied.waited_s
    if denied.tries >= tries or left_s < SHORTEST_S:
        return give_up()
    return ask_again(min(max(delay_s, SHORTEST_S), left_s))


_COUNT = (lambda value: value >= 1 and (value == math.inf or value % 1 == 0), "a whole number >= 1, or inf")
_SPAN = (lambda value: 0 < value < math.inf, "> 0 and finite")
POSSIBLE = {
    "servers": _COUNT,
    "tries": _COUNT,
    "asked_before": (lambda value: value % 1 == 0 or value == math.inf, "a whole number >= 0, or inf"),
    "poll_s": (lambda value: value < math.inf, ">= 0 and finite"),
    "delay_s": _SPAN,
    "base_s": _SPAN,
    "cap_s": _SPAN,
    "jitter": (lambda value: value <= 1, "in [0, 1]"),
    "patience_s": (lambda value: True, ">= 0"),
}


def _check(policy: Any) -> None:
    """Raise ValueError when a parameter is impossible."""
    for name, value in policy._asdict().items():
        check_number(name, value)


def check_number(name: str, value: float) -> None:
    """Raise ValueError when a number >= 0 is impossible as what a policy calls by this name."""
    is_possible, allowed = POSSIBLE[name]
    if not is_possible(value):
        raise ValueError(f"{name}: {value} is not allowed; it must be {allowed}")


class GiveUp(NamedTuple):
    """The user does something else: a lost customer.

    `servers` are asked in a row, as in an ordered list, before the user is told; `inf`: all there are. The user of
    a program that ran, and is ended, knows already.
    """

    servers: float = 1

    def on_denial(self, denied: Denied, u: float) -> Decision:
        """Ask the next server until `servers` have denied, then give up."""
        return _next_or_later(denied, 0.0, 1.0, math.inf, self.servers)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check(self)


class Retry(NamedTuple):
    """The user asks again after an exponential time of mean `delay_s`: the retrial queue (Falin, Templeton 1997).

    The user gives up after `tries` tries in all, or when `patience_s` have passed since the first denial: the last
    try is at that time. At each try, `servers` are asked in a row before the user is told; `inf`: all there are.
    """

    delay_s: float = 60.0
    tries: float = math.inf
    patience_s: float = math.inf
    servers: float = 1

    def on_denial(self, denied: Denied, u: float) -> Decision:
        """Wait an exponential time, then ask again."""
        return _next_or_later(denied, denied.pause * self.delay_s, self.tries, self.patience_s, self.servers)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check(self)


class ConstantRetry(NamedTuple):
    """The user asks again after `delay_s`; `jitter` spreads that over [1 - jitter, 1] of its length.

    A program that polls for a license. `tries`, `patience_s` and `servers` are as in `retry`.
    """

    delay_s: float = 60.0
    jitter: float = 0.0
    tries: float = math.inf
    patience_s: float = math.inf
    servers: float = 1

    def on_denial(self, denied: Denied, u: float) -> Decision:
        """Wait, then ask again."""
        delay_s = self.delay_s * (1.0 - self.jitter * u)
        return _next_or_later(denied, delay_s, self.tries, self.patience_s, self.servers)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check(self)


class BackoffRetry(NamedTuple):
    """The user asks again after min(cap, base 2^(n-1)) at the n-th denial, spread over [1 - jitter, 1] of it.

    `tries`, `patience_s` and `servers` are as in `retry`.
    """

    base_s: float = 30.0
    cap_s: float = 960.0
    jitter: float = 0.0
    tries: float = math.inf
    patience_s: float = math.inf
    servers: float = 1

    def on_denial(self, denied: Denied, u: float) -> Decision:
        """Wait the backoff, then ask again."""
        delay_s = capped_backoff(self.base_s, self.cap_s, denied.tries - 1) * (1.0 - self.jitter * u)
        return _next_or_later(denied, delay_s, self.tries, self.patience_s, self.servers)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check(self)


class Callback(NamedTuple):
    """The user waits to be called back (FlexNet's queued checkout), and asks again every `poll_s` (0: never).

    A server that denies has the user wait. With `asked_before` above 0 a launch first asks that many servers in a
    row that do not, and the next one does; `inf`: all there are. With a license-file list FlexNet queues on its
    first server only: that is `inf`, with `ring` as selection and `at-next-request` as failback policy
    (docs.revenera.com, Limitations of Redundancy Using the License Search Path). Programs of one client that wait
    go along, and queue where they come.
    """

    poll_s: float = 0.0
    asked_before: float = 0

    @property
    def is_called_back(self) -> bool:
        """Whether users may await a callback: their requests say so."""
        return True

    def on_denial(self, denied: Denied, u: float) -> Decision:
        """Wait to be called back, unless at a launch's first try other servers are asked before."""
        asks_others = denied.ran == 0 and denied.tries == 1 and denied.servers > 1
        if asks_others and denied.servers_asked <= min(self.asked_before, float(denied.servers)):
            return ask_next()
        return await_callback(self.poll_s)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        _check(self)


POLICIES = {
    "give-up": GiveUp,
    "retry": Retry,
    "constant-retry": ConstantRetry,
    "backoff-retry": BackoffRetry,
    "callback": Callback,
}
