"""Wrappers that stop asking a server when too much fails there, and ask the others."""

from typing import TYPE_CHECKING, NamedTuple

from . import bounds
from .failover import RETRY, Decision, Link, fail_over, send
from .managers import MOST_SERVERS

if TYPE_CHECKING:
    from .failover import Memory

# What is remembered of each server: failures in a row, until when it is ejected, and how often it has been.
FAILURES, UNTIL, TIMES = 0, MOST_SERVERS, 2 * MOST_SERVERS


class EnvoyOutlier(NamedTuple):
    """Envoy's outlier detection: a server that fails `failures` times in a row is ejected, for longer each time.

    For min(`base_s` x times, `cap_s`), where a time is forgotten in every `interval_s` that it is not ejected. At
    most a `share` of the servers are ejected at once, but one always may be. Source: envoyproxy/envoy,
    outlier_detection.proto: 5 (consecutive_5xx), 30 s, 300 s, 10 s, 10 %; its sweeps every 10 s are not modeled.
    Nor is ejection by success rate: it compares servers by more requests than one client sends. A client counts
    what itself has seen. With `ring` as selection: with another one, an ejected server is asked when as many as
    there are others have been passed over. Of more than 32 servers, those after the 32nd are never ejected.
    """

    failures: float = 5
    base_s: float = 30.0
    cap_s: float = 300.0
    interval_s: float = 10.0
    share: float = 0.1

    @property
    def memory_size(self) -> int:
        """Three numbers for each server."""
        return 3 * MOST_SERVERS

    def before_request(self, link: Link, memory: "Memory", u: float) -> Decision:
        """Pass over a server that is ejected, unless all are."""
        is_ejected = link.server < MOST_SERVERS and memory[UNTIL + link.server] > link.now_s
        ejected = (memory[UNTIL:TIMES] > link.now_s).sum()
        if not is_ejected or ejected >= link.servers or link.passed >= link.servers - 1:
            return send()
        return fail_over()

    def on_failure(self, link: Link, memory: "Memory", u: float, decision: Decision) -> Decision:
        """Count it; eject the server, and ask another one in place of a retry."""
        server = link.server
        if server >= MOST_SERVERS:
            return decision
        memory[FAILURES + server] += 1.0
        ejected = (memory[UNTIL:TIMES] > link.now_s).sum()
        if memory[FAILURES + server] < self.failures or ejected >= max(1.0, self.share * link.servers):
            return decision
        healthy_s = float(max(0.0, link.now_s - memory[UNTIL + server]))
        times = memory[TIMES + server] - int(min(memory[TIMES + server], healthy_s / self.interval_s)) + 1.0
        memory[FAILURES + server] = 0.0
        memory[UNTIL + server] = link.now_s + min(self.base_s * times, self.cap_s)
        memory[TIMES + server] = times
        return fail_over(decision.delay_s) if decision.action == RETRY and link.servers > 1 else decision

    def on_success(self, link: Link, memory: "Memory", u: float) -> None:
        """Start counting again."""
        if link.server < MOST_SERVERS:
            memory[FAILURES + link.server] = 0.0

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(base_s=self.base_s, cap_s=self.cap_s, interval_s=self.interval_s)
        bounds.are_shares(share=self.share)


POLICIES = {"envoy-outlier": EnvoyOutlier}
