"""What is counted and measured, from the end of the warm-up on."""

from collections import Counter
from typing import Any

from oracles.recount.clock import Clock, Level, SampledLevel, ns
from oracles.recount.groups import Groups

ABNORMAL = ("misplaced", "stranded", "ghost")  # causes of denials


class Ledger:
    """Counts by name and by sample, durations in ns, and levels over time."""

    def __init__(self, scenario: Any, clock: Clock, groups: Groups | None = None) -> None:
        self.groups = groups
        self.parts = {name: Ledger(scenario, clock) for name in groups.names} if groups else {}
        self.part: Ledger | None = None  # of the group of the client that is at work
        self.clock, self.sample_ns = clock, ns(scenario.run.sample_s)
        self.counts: Counter[str] = Counter()
        self.attempts: Counter[int] = Counter()  # these four by sample
        self.abnormal: Counter[int] = Counter()
        self.queued: Counter[int] = Counter()
        self.queued_ns: Counter[int] = Counter()
        self.waits: list[int] = []
        self.queueing: list[int] = []
        self.in_use, self.ghost_leases, self.orphans = (Level(clock) for _ in range(3))
        self.waiting_users, self.unmetered, self.unanswered = (
            SampledLevel(clock, self.sample_ns) for _ in range(3)
        )
        self.hit = 0  # clients that faults have hit and no server has served since
        self.served_again = 0  # when the latest of those that were hit before was served

    def work_for(self, client: int | None) -> None:
        """What is counted from now on is of a client's doing, or of no client's."""
        name = "" if client is None or self.groups is None else self.groups.of[client]
        self.part = self.parts.get(name)

    def count(self, name: str, number: int = 1) -> None:
        if self.clock.measuring:
            self.counts[name] += number
        if self.part:
            self.part.count(name, number)

    def waits_more(self, change: int) -> None:
        """More users, or fewer, wait after a denial."""
        self.waiting_users.add(change)
        if self.part:
            self.part.waits_more(change)

    def runs_unmetered(self, change: int) -> None:
        """More programs, or fewer, run without a lease."""
        self.unmetered.add(change)
        if self.part:
            self.part.runs_unmetered(change)

    @property
    def sample(self) -> int:
        """The number of the sample that holds now."""
        return (self.clock.now - self.clock.start) // self.sample_ns

    def count_attempt(self) -> None:
        self.count("attempts")
        self.attempts[self.sample] += 1
        if self.part:
            self.part.attempts[self.sample] += 1

    def count_denial(self, cause: str) -> None:
        self.count("denials")
        self.count(f"denials_{cause}")
        if cause in ABNORMAL:
            self.abnormal[self.sample] += 1

    def waited(self, since: int) -> None:
        if self.clock.measuring:
            self.waits.append(self.clock.now - since)
            if self.part:
                self.part.waited(since)

    def queued_since(self, arrived: int) -> None:
        if self.clock.measuring:
            self.queueing.append(self.clock.now - arrived)
            self.queued[self.sample] += 1
            self.queued_ns[self.sample] += self.clock.now - arrived
