"""Where the clients are, against where they prefer to be; and what servers that drain ask of them."""

import math
from collections import Counter
from typing import Any

from oracles.recount.clock import Clock
from oracles.recount.faults import Faults
from oracles.recount.imbalance import Imbalance, homes
from oracles.recount.record import Contradiction, Outcome

TOLERANCE = 0.05  # of all clients
MOST = 64  # asked by a server at once


class Balance:
    """Servers whose clients are too many or too few, and when the latest of those that were came right."""

    def __init__(self, scenario: Any, clock: Clock, faults: Faults, imbalance: Imbalance) -> None:
        self.clock, self.faults, self.imbalance = clock, faults, imbalance
        self.preferred = homes(scenario)
        self.fair = Counter(self.preferred)
        self.first_server, self.servers = scenario.clients.count, range(scenario.servers.count)
        policy = scenario.policies.failback
        self.share = policy.parameters.get("drain_share", 0.05) if policy.name == "drain" else 0.0
        self.out: set[int] = set()
        self.righted = 0

    def hear_from(self, client: int, s: int) -> None:
        self.imbalance.hear_from(client, s)
        out = {s for s in self.servers if abs(self._excess(s)) > TOLERANCE * len(self.preferred) + 1e-9}
        if self.out - out:
            self.righted = self.clock.now
        self.out = out

    def _excess(self, s: int) -> int:
        return self.imbalance.clients_at[s] - self.fair[s]

    def drain(self, s: int, outcome: Outcome) -> None:
        """A share of the clients in excess is asked, and only those who are here and prefer another server."""
        strangers = {c for c, at in enumerate(self.imbalance.heard_at) if at == s and self.preferred[c] != s}
        most = 0 if self.faults.refuses(s, self.clock.now) else min(MOST, math.ceil(self._excess(s) * self.share))
        asked = [row.target for row in outcome]
        outcome.clear()
        if len(asked) != max(0, most) or len(set(asked)) < len(asked) or not set(asked) <= strangers:
            raise Contradiction(f"server {s} may ask {most} of {strangers} to move, not {asked}")
