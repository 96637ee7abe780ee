"""Failover policies of services that hand out leases, with their published defaults.

Their clients renew the leases they hold: here by heartbeats, `clients.heartbeat_s` apart. A server waits for these
for `servers.reclaim_after_s`.
"""

from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .compilable import compilable
from .failover import Decision, Link, capped_backoff, fail_over, give_up, go_offline, retry

if TYPE_CHECKING:
    from .failover import Memory


@compilable
def _first_failure(link: Link, memory: "Memory") -> float:
    """Return when the first failure was since the last good answer, s; it is the policy's memory."""
    if memory[0] == 0.0:
        memory[0] = link.now_s
    return memory[0]


class K8sNodeLease(NamedTuple):
    """Kubernetes' node leases: `tries` at once, then the next renewal, after interval U(1, 1 + `jitter`).

    Source: kubernetes/component-helpers, apimachinery/lease/controller.go (maxUpdateRetries 5), and the kubelet's
    defaults: a lease of 40 s (`servers.reclaim_after_s`), renewed every quarter of it, 4 % jitter. Law: without a
    server, `tries` attempts in tries x time-out + interval (1 + jitter / 2).
    """

    tries: float = 5
    interval_s: float = 10.0
    jitter: float = 0.04

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Retry at once; after every `tries` failures, at the next renewal."""
        is_last = link.tries_here % self.tries == 0.0
        return retry(self.interval_s * (1.0 + self.jitter * u) if is_last else 0.0)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_counts(tries=self.tries)
        bounds.are_positive(interval_s=self.interval_s)
        bounds.are_shares(jitter=self.jitter)


class AkkaLease(NamedTuple):
    """Akka's Kubernetes lease: the first heartbeat that fails drops the lease, however long it would last.

    Source: akka/akka-management, pull request 1440: `heartbeat-fail-fast-on-error` is on. With `fails_fast = 0` a
    heartbeat is retried every `interval_s`, until `timeout_s` - 2 `interval_s` after the last good one. To drop a
    lease is here to ask the next server for another one: with one server there is none, and nothing is dropped.
    Requests are retried every `request_retry_s` (akka.cluster.singleton.lease-retry-interval).
    """

    fails_fast: float = 1
    interval_s: float = 12.0
    timeout_s: float = 120.0
    request_retry_s: float = 5.0

    @property
    def memory_size(self) -> int:
        """When the first heartbeat failed."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Drop the lease at once, or when it might run out; retry requests."""
        if link.is_heartbeat == 0:
            return retry(self.request_retry_s)
        # The last good heartbeat was sent an interval before the first one that failed.
        age_s = link.now_s - _first_failure(link, memory) + self.interval_s
        if self.fails_fast > 0.0 or age_s + self.interval_s > self.timeout_s - 2.0 * self.interval_s:
            memory[0] = 0.0
            return fail_over()
        return retry(self.interval_s)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(interval_s=self.interval_s, request_retry_s=self.request_retry_s)


class Doorman(NamedTuple):
    """Doorman's clients: min(cap, base 1.3^(n-1)) without jitter, until their lease has run out.

    Then a client uses its safe capacity until it has asked again after `cap_s`: with `safe = 1` its programs run
    unmetered, with 0 the request is given up. Source: youtube/doorman, go/timeutil/timeutil.go (the factor),
    go/client/doorman/client.go (1 s, 60 s), doc/configuration (leases of 300 s).
    """

    base_s: float = 1.0
    cap_s: float = 60.0
    lease_s: float = 300.0
    safe: float = 0

    @property
    def memory_size(self) -> int:
        """When the first failure was."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Wait the backoff while the lease lasts, then use the safe capacity."""
        if link.now_s - _first_failure(link, memory) < self.lease_s:
            return retry(capped_backoff(self.base_s, self.cap_s, link.tries_here - 1, 1.3))
        return go_offline(self.cap_s) if self.safe > 0.0 else give_up()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(base_s=self.base_s, cap_s=self.cap_s)


class JetBrains(NamedTuple):
    """JetBrains' license server: it calls home every hour, and may miss it for two days.

    Source: jetbrains.com/help/license_server/online_connection.html. What needs a license runs unmetered from hour
    to hour, until the first failure is `grace_s` old; then the request is given up.
    """

    interval_s: float = 3600.0
    grace_s: float = 172800.0

    @property
    def memory_size(self) -> int:
        """When the first failure was."""
        return 1

    def on_failure(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Do without a server until the next hour, or give up."""
        is_within = link.now_s - _first_failure(link, memory) < self.grace_s
        return go_offline(self.interval_s) if is_within else give_up()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(interval_s=self.interval_s)


POLICIES = {
    "k8s-node-lease": K8sNodeLease,
    "akka-fail-fast": AkkaLease,
    "doorman": Doorman,
    "jetbrains": JetBrains,
}
