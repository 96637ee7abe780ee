"""Failover policies of SMS 2.0's builds and clients, as Knowledge Base articles report them, one defect each.

What most builds do is `failover.Immediate`, what they should do is `failover.Sms2Documented`. Articles are cited
by number (public copies: github.com/jeffpar/kbarchive).
"""

from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .failover import OVERLOADED, Decision, Link, fail_over, go_offline, retry

if TYPE_CHECKING:
    from .failover import Memory


class OneServer(NamedTuple):
    """The agent of Windows 95/98 knows one server until its first CCIM cycle, by default every 23 h (KB Q212894).

    Until then it tries that server again and again, every `delay_s`: "may repeatedly try to connect" (how often
    is not said; 60 s is what the log in KB Q287626 shows). Then it knows them all, and fails over at once
    (Q213167). A client meets its first failure at any moment of its cycle alike; `cycle_s = 0`: it has just been
    restarted, the article's workaround. Memory does not outlast a good answer, so a second outage finds the
    client as ignorant as the first.
    """

    cycle_s: float = 82800.0
    delay_s: float = 60.0

    @property
    def memory_size(self) -> int:
        """One number: when the CCIM cycle comes, in seconds; 0: not drawn yet."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry after `delay_s` until the CCIM cycle, then fail over at once."""
        if memory[0] == 0.0:
            memory[0] = link.now_s + u * self.cycle_s
        if link.now_s < memory[0]:
            return retry(self.delay_s)
        return fail_over(0.0)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        if self.cycle_s == float("inf"):
            raise ValueError("cycle_s: inf is not allowed; it must be finite")


class PollFirst(NamedTuple):
    """A retry that the next configuration poll comes before is dropped: "the polling interval is activated
    before the retry can occur" (KB Q235153).

    So with `delay_s >= polling_s`, which the article calls the default (240 min both), there is never a retry.
    The client monitors software use itself until the poll, which then contacts the server anew. It does the same
    when more than `retries` attempts have failed since the last good answer, those of polls included. A client
    meets its first failure at any moment between two polls alike.
    """

    retries: float = 1
    delay_s: float = 14400.0
    polling_s: float = 14400.0

    @property
    def memory_size(self) -> int:
        """One number: when the next poll comes, in seconds; 0: not drawn yet."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry after `delay_s` if the poll comes later and retries are left, else be offline until the poll."""
        if memory[0] == 0.0:
            memory[0] = link.now_s + u * self.polling_s
        if memory[0] <= link.now_s:
            memory[0] = link.now_s + self.polling_s - (link.now_s - memory[0]) % self.polling_s
        until_poll_s = memory[0] - link.now_s
        if link.tries_here <= self.retries and self.delay_s < until_poll_s:
            return retry(self.delay_s)
        return go_offline(until_poll_s)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(polling_s=self.polling_s)


class PipeBusy(NamedTuple):
    """The agent of Windows 95/98 answers "pipe busy" with 15 retries on the spot (KB Q245228); then it moves on.

    Whatever else fails, it fails over at once (Q213167). What it does after the 15 retries is not said; here:
    that too. The parameters are named after the registry values PipeRetries and PipeRetryInterval, with which
    KB Q287626 changes the client's "retry algorithm".
    """

    pipe_retries: float = 15
    pipe_retry_interval_s: float = 0.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry a busy server after `pipe_retry_interval_s`, `pipe_retries` times; else fail over at once."""
        if link.kind == OVERLOADED and link.tries_here <= self.pipe_retries:
            return retry(self.pipe_retry_interval_s)
        return fail_over(0.0)


POLICIES = {"sms2-one-server": OneServer, "sms2-poll-first": PollFirst, "sms2-pipe-busy": PipeBusy}
