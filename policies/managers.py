"""Failover policies of license managers and of what uses them, with their documented defaults."""

from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .failover import TIMED_OUT, Decision, Link, fail_over, give_up, retry, retry_or_give_up, send

if TYPE_CHECKING:
    from .failover import Memory


MOST_SERVERS = 32  # that a client can remember something about


class Lmx(NamedTuple):
    """LM-X automatic heartbeats: its own server until `attempts` have failed, then each other one once; then none.

    Source: docs.x-formation.com, "Automatic heartbeats": every two minutes. That is what SMS 2.0 was meant to do,
    too. With `ring` as selection.
    """

    attempts: float = 5
    interval_s: float = 120.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry the first server, then go round."""
        if link.servers_tried == 0 and link.tries_here < self.attempts:
            return retry(self.interval_s)
        return fail_over() if link.servers_tried < link.servers - 1 else give_up()


class FlexnetList(NamedTuple):
    """FlexNet's license-file list: each server in turn, until something is checked out; from then on only that
    one.

    "Once a job has checked out a license from one host, later checkouts must come from the same host"
    (docs.revenera.com, Limitations of Redundancy Using the License Search Path): while a program runs, it retries
    that server `retries` times, `interval_s` apart. With `ring` as selection and `give-up` with `servers = inf` as
    denial policy, a client also asks the next server on a denial; there, too, a real one would stay, and be
    denied. To queue, on the first server only: `callback` with `asked_before = inf`.
    """

    retries: float = 5
    interval_s: float = 120.0

    @property
    def memory_size(self) -> int:
        """One number: 1 when something was checked out."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Try the list, or the server that is bound to the job."""
        if memory[0] > 0.0 and link.running > 0:
            return retry_or_give_up(link, self.retries, self.interval_s)
        memory[0] = 0.0
        return fail_over() if link.failures < link.servers else give_up()

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Be bound to this server."""
        memory[0] = 1.0

    def on_denial(self, link: Link, memory: "Memory", u: float) -> None:
        """A denial binds nobody."""


class Rlm(NamedTuple):
    """RLM asks each of its servers, every time; a negative RLM_CONNECT_TIMEOUT skips those that have timed out.

    With `skips = 1` a server that has not answered in time is never asked again until the client crashes or no
    other is left: then the request is given up. The time-out itself, 10 s, is `clients.request_timeout_s`. Source:
    reprisesoftware.com/blog/2010/09/time-for-timeouts. With `ring` as selection (with another one, a request is
    given up, too, when as many as there are others have been skipped in a row), and `give-up` with `servers = inf`
    as denial policy. Of more than 32 servers, those after the 32nd are never skipped.
    """

    skips: float = 0

    @property
    def memory_size(self) -> int:
        """Two numbers for each server: 1 when it is skipped; with `skips`, 1 when this request failed there."""
        return 2 * MOST_SERVERS

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Ask the next server, until this request has failed at each that is not skipped."""
        if self.skips > 0.0 and link.server < MOST_SERVERS:
            if link.failures == 1:
                memory[MOST_SERVERS : 2 * MOST_SERVERS] = 0.0
            memory[MOST_SERVERS + link.server] = 1.0
            if link.kind == TIMED_OUT:
                memory[link.server] = 1.0
        out = 0.0
        for server in range(MOST_SERVERS):
            out += max(memory[server], memory[MOST_SERVERS + server])
        return fail_over() if link.failures < link.servers and out < link.servers else give_up()

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Pass over a server that is skipped."""
        if link.server >= MOST_SERVERS or memory[link.server] == 0.0:
            return send()
        if memory[:MOST_SERVERS].sum() >= link.servers or link.passed >= link.servers - 1:
            return give_up()
        return fail_over()

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Keep skipping the servers that it has skipped."""

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_shares(skips=self.skips)


class Navisworks(NamedTuple):
    """Navisworks and JetStream: heartbeats every two minutes; both sides give up when four have been missed.

    Source: navisworks.com, licman_lost_connection: a warning after two minutes, the end after eight, which is what
    `servers.reclaim_after_s` should be.
    """

    interval_s: float = 120.0
    misses: float = 4

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait, then retry; give up with the last miss."""
        return retry_or_give_up(link, self.misses - 1.0, self.interval_s)


class Lmfwait(NamedTuple):
    """Micro Focus LMFWAIT=retries[,wait]: a batch script that polls, every ten seconds unless it says otherwise.

    Source: docs of Micro Focus License Manager, BKADADTASKS019.
    """

    retries: float = 6
    wait_s: float = 10.0

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait, then retry; give up when the retries are used up."""
        return retry_or_give_up(link, self.retries, self.wait_s)


class Ansys(NamedTuple):
    """Ansys clients that lose their server: every ten minutes, for an hour; then the session is read-only.

    Source: help.numesys.com.tr KB2403228; the server reclaims after about two hours (`servers.reclaim_after_s`).
    """

    interval_s: float = 600.0
    retries: float = 6

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait, then retry; give up when the hour is over."""
        return retry_or_give_up(link, self.retries, self.interval_s)


class Ert2024(NamedTuple):
    """The reservoir simulation driver ERT: 60 s + U(0, 25) s, then three to six minutes.

    Source: equinor/ert, issues 6934 and 7796: servers stall for 25 s or restart in 3 min.
    """

    first_s: float = 60.0
    spread_s: float = 25.0
    later_s: float = 180.0
    later_spread_s: float = 180.0
    tries: float = float("inf")

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait, longer from the second failure on, then retry."""
        if link.failures >= self.tries:
            return give_up()
        if link.failures == 1:
            return retry(self.first_s + self.spread_s * u)
        return retry(self.later_s + self.later_spread_s * u)


POLICIES = {
    "lmx": Lmx,
    "flexnet-list": FlexnetList,
    "rlm": Rlm,
    "navisworks": Navisworks,
    "lmfwait": Lmfwait,
    "ansys": Ansys,
    "ert-2024": Ert2024,
}
