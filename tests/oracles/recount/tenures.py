"""How long servers may use their licenses, and what the site server takes back of those it does not hear of."""

import math
from typing import Any

from meterstorm.actors.records import journal
from meterstorm.actors.state import kinds

from oracles.recount.clock import SECOND, Clock, ns
from oracles.recount.granting import Granting
from oracles.recount.pools import Balancing
from oracles.recount.record import Contradiction, Outcome, Row


class Tenure:
    """A server's own: its term, until when it may use its licenses, and those that it has put aside."""

    def __init__(self, s: int, tenures: "Tenures") -> None:
        self.s, self.tenures, self.clock = s, tenures, tenures.clock
        self.until = tenures.length_ns
        self.term, self.lapsed = 0, False
        self.aside = [0] * tenures.products

    def handle(self, event: Row, outcome: Outcome) -> None:
        if event.kind == kinds.LAPSE:
            if self.clock.now == self.until:
                self._lapse()
            return
        if event.attempt > self.term:
            self._begin(event.attempt)
        if event.kind == kinds.RENEW:
            self._renew(event)
        elif event.kind == kinds.GIVE and (self.lapsed or event.attempt < self.term):
            self.tenures.unused[event.product] += event.value
            self.aside[event.product] += event.value if event.attempt == self.term else 0
        else:
            self.tenures.balancing.handle(self.s, event, outcome)

    def _begin(self, term: int) -> None:
        if not self.lapsed:
            self._lapse()
        self.term, self.until, self.aside = term, 0, [0] * self.tenures.products

    def _renew(self, event: Row) -> None:
        until = event.program * SECOND + event.value + self.tenures.length_ns
        if event.attempt < self.term or until <= max(self.until, self.clock.now):
            return
        self.until = until
        if self.lapsed:
            self.lapsed, aside, self.aside = False, self.aside, [0] * self.tenures.products
            for product, count in enumerate(aside):
                self.tenures.unused[product] -= count
                self.tenures.balancing.restock(self.s, product, count)

    def _lapse(self) -> None:
        self.lapsed = True
        self.tenures.granting.forget(self.s)
        for product, pool in enumerate(self.tenures.balancing.pools[self.s]):
            if pool.free != pool.allocated:
                raise Contradiction(f"server {self.s} has licenses in use as it lapses at {self.clock.now} ns")
            self.aside[product] += pool.allocated
            self.tenures.unused[product] += pool.allocated
            self.tenures.balancing.restock(self.s, product, -pool.allocated)


class Tenures:
    """All servers', and the books of the site server: what each has in its term, by what was sent."""

    def __init__(self, scenario: Any, clock: Clock, balancing: Balancing, granting: Granting) -> None:
        self.clock, self.balancing, self.granting = clock, balancing, granting
        self.products, self.first_server = len(scenario.products), scenario.clients.count
        self.length_ns = ns(scenario.servers.tenure_s) or math.inf
        self.takes_over = scenario.policies.balancing.name == "standby"
        self.unused = granting.observer.unused
        self.servers = [Tenure(s, self) for s in range(scenario.servers.count)]
        self.terms, self.renewed = [0] * len(self.servers), [0] * len(self.servers)
        self.held = [[pool.allocated for pool in pools] for pools in balancing.pools]
        self.reported: set[int] = set()
        self.reports, self.is_open = 0, False

    def handle_site(self, event: Row, outcome: Outcome) -> None:
        """Enter an event of the site server: a cycle that begins, a report, or the end of patience."""
        if event.kind == kinds.BALANCE and outcome:
            self.reported, self.reports, self.is_open = set(), 0, True
        elif event.kind == kinds.REPORT and self.is_open:
            self.reported.add(event.value)
            self.reports += 1
        elif event.kind == kinds.TAKEN:
            self._note_taken(event)
        is_last = event.kind == kinds.REPORTS_DUE or self.reports == len(self.servers)
        if self.is_open and is_last:
            self.is_open = False
            if self.reports and (self.length_ns < math.inf or self.takes_over):
                self._review(outcome)
        self._note_given(outcome)

    def _note_taken(self, event: Row) -> None:
        s = event.source - self.first_server
        if event.attempt < self.terms[s]:
            self.unused[event.product] += event.value
        else:
            self.held[s][event.product] -= event.value

    def _review(self, outcome: Outcome) -> None:
        """Who was not renewed for a tenure has nothing from now on; who has reported is renewed."""
        for s in range(len(self.servers)):
            if self._is_over(s):
                self.terms[s] += 1
                self.unused[:] = [n - held for n, held in zip(self.unused, self.held[s], strict=True)]
                self.held[s] = [0] * self.products
            if s in self.reported:
                self.renewed[s] = self.clock.now
                word, sent = outcome.popleft(), divmod(self.clock.now, SECOND)
                said = (word.kind, word.target - self.first_server, word.attempt, word.program, word.value)
                if said != (kinds.RENEW, s, self.terms[s], *sent):
                    raise Contradiction(
                        f"server {s} of term {self.terms[s]} is to be renewed at {sent}, not {word}"
                    )

    def _is_over(self, s: int) -> bool:
        if self.length_ns < math.inf:
            return self.clock.now >= self.renewed[s] + self.length_ns
        return s not in self.reported

    def _note_given(self, outcome: Outcome) -> None:
        for row in outcome:
            if row.kind == kinds.GIVE and row.what == journal.SENT:
                s = row.target - self.first_server
                self.held[s][row.product] += row.value
                if row.attempt != self.terms[s]:
                    raise Contradiction(f"{row} is of another term than {self.terms[s]}")
