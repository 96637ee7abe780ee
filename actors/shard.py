"""A shard: one slice of the world, driven by Python between calls of the compiled loop.

A shard alone is a whole world (`simulate`). Several advance in windows: each goes as far as the others'
earliest event plus one latency allows, then all exchange what they sent (`cluster.py`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..policies.balancing import Report
from . import build, calendar, engine, ledger, site
from .status import BALANCE, GROW, HORIZON, MEANING
from .world import COLUMNS, EVENT, NEVER

SECOND = 1_000_000_000


class InvariantViolation(Exception):
    """Something that must always hold does not: a defect of the engine, of the model, or of a policy."""


@dataclass
class Tally:
    """What a shard, or a whole world, has counted. Shards' tallies add up (see `merge`)."""

    digest: int
    events: int
    series: Any  # int64, shape (samples + 1, COLUMNS)
    histograms: Any  # int64, shape (2, BINS)
    control: Any  # the shard's CONTROL row
    servers: Any  # SERVER rows, of the shard that hosts them
    pools: Any
    products: Any


class Shard:
    """One slice of a world at one replication of a scenario."""

    def __init__(self, scenario: Any, replication: int = 0, shard: int = 0, shards: int = 1) -> None:
        self.policies = build.policies(scenario)
        self.world = build.build(scenario, self.policies, replication, shard, shards)
        self.limits = build.bounds(scenario.clients.count, shards)
        self.end = int(self.world.config[0].end)
        self.latency = int(self.world.config[0].latency)
        with np.errstate(over="ignore"):
            engine.start(self.world)

    @property
    def next_time(self) -> int:
        """Time of the next event here, ns; NEVER when there is none before the end."""
        time = int(calendar.next_time(self.world))
        return time if time < self.end else NEVER

    def run(self, horizon: int) -> None:
        """Handle the events before `horizon` (or less, when a message left for another shard)."""
        with np.errstate(over="ignore"):
            status = engine.run(self.world, min(horizon, self.end))
            while status != HORIZON:
                if status == GROW:
                    build.grow(self.world)
                elif status == BALANCE:
                    self._balance()
                else:
                    raise self._violation(status)
                status = engine.run(self.world, self.world.control[0].horizon)

    def check(self) -> None:
        """Recount what must add up; raises InvariantViolation."""
        status = engine.check(self.world)
        if status != HORIZON:
            raise self._violation(status)

    def take_outgoing(self) -> tuple[list[Any], int]:
        """Return the messages for each shard (rows of EVENT), and the earliest arrival among them."""
        control = self.world.control[0]
        rows = self.world.outbox[: control.outgoing].copy()
        first = int(control.sent_first)
        control.outgoing = 0
        control.sent_first = NEVER
        clients = self.limits[-1]
        homes = np.where(
            rows["target"] < clients, np.searchsorted(self.limits, rows["target"], side="right") - 1, 0
        )
        return [rows[homes == k] for k in range(len(self.limits) - 1)], first

    def deliver(self, messages: bytes) -> None:
        """File messages from another shard."""
        if not messages:
            return
        rows = np.frombuffer(messages, dtype=EVENT).view(np.recarray)
        while engine.deliver(self.world, rows) == GROW:
            build.more_events(self.world, max(self.world.events.size, rows.size))

    def tally(self) -> Tally:
        """Close the books at the end of the run."""
        self.check()
        world = self.world
        control = world.control[0]
        with np.errstate(over="ignore"):
            ledger.close(world)
            digest = int(engine.digest(world))
        return Tally(
            digest,
            int(control.events),
            world.series.reshape(-1, COLUMNS),
            world.histograms.reshape(2, -1),
            world.control[:1].copy(),
            world.servers.copy(),
            world.pools.copy(),
            world.products.copy(),
        )

    def _balance(self) -> None:
        """Ask the balancing policy for targets, check them, and order the moves."""
        world = self.world
        shape = (world.servers.size, world.products.size)
        pools = world.pools
        report = Report(
            world.servers["reported"].astype(bool),
            pools["reported_allocated"].reshape(shape).copy(),
            pools["reported_leased"].reshape(shape).copy(),
            pools["reported_requests"].reshape(shape).copy(),
            world.products["reserve"].copy(),
        )
        targets = np.asarray(self.policies.balancing.targets(report))
        self._check_targets(report, targets)
        pools["target"] = targets.ravel()
        site.carry_out(world)

    def _check_targets(self, report: Report, targets: Any) -> None:
        name = type(self.policies.balancing).__name__
        if targets.shape != report.allocated.shape or not np.issubdtype(targets.dtype, np.integer):
            raise InvariantViolation(
                f"balancing policy {name}: targets must be integers of shape {report.allocated.shape}"
            )
        here = report.answered
        available = report.allocated[here].sum(axis=0) + report.reserve
        if (targets < 0).any() or (targets[here].sum(axis=0) > available).any():
            raise InvariantViolation(
                f"balancing policy {name}: targets {targets[here].tolist()} must be >= 0 and add up to at most"
                f" {available.tolist()} over the servers that answered"
            )

    def _violation(self, status: int) -> InvariantViolation:
        control = self.world.control[0]
        return InvariantViolation(
            f"{MEANING[status]}; at {control.now / SECOND:.9f} s, agent {control.culprit},"
            f" value {control.value}"
        )


def simulate(scenario: Any, replication: int = 0) -> Tally:
    """Run one replication of a scenario as one shard, in this process."""
    shard = Shard(scenario, replication)
    shard.run(shard.end)
    return shard.tally()


def merge(tallies: list[Tally]) -> Tally:
    """Add up the tallies of all shards of a world, the one that hosts the servers first."""
    first = tallies[0]
    control = first.control.copy()
    for name in control.dtype.names:
        values = [tally.control[name][0] for tally in tallies]
        control[name][0] = max(values) if name.endswith("_max") else sum(values) if name in SUMS else values[0]
    return Tally(
        sum(tally.digest for tally in tallies) % 2**64,
        sum(tally.events for tally in tallies),
        sum(tally.series for tally in tallies),
        sum(tally.histograms for tally in tallies),
        control,
        first.servers,
        first.pools,
        first.products,
    )


SUMS = (
    "events wait_sum wait_count queue_sum queue_count waiting waiting_area unmetered unmetered_area"
    " leased leased_area ghosts ghost_area"
).split()
