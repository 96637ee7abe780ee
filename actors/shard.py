"""A shard: one slice of the world, driven by Python between calls of the compiled loop.

A shard alone is a whole world (`simulate`). Several advance in windows: each goes as far as the others'
earliest event plus one latency allows, then all exchange what they sent (`windows.py`).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..policies.balancing import Report
from . import arrivals, build, checkpoint, engine, growth, intersite, journal, layout, ledger, roaming
from . import site as sites
from .jit import JIT_DISABLED, direct
from .pace import Pace, sum_of
from .status import BALANCE, GROW, HORIZON, MEANING
from .world import COLUMNS, CONTROL, EVENT, NEVER

SECOND = 1_000_000_000

# A world with checkpoints runs in slices of about so much wall time; the first is this part of its duration.
SLICE_S = 0.5
FIRST_SLICES = 1000

# Where some fields stand in the control row, in words of 8 bytes.
_OFFSETS: Any = CONTROL.fields
NEXT, REACH, OUTGOING, SENT_NEAR, SENT_FAR, FOREIGN = (
    _OFFSETS[name][1] // 8 for name in ("next", "horizon", "outgoing", "sent_near", "sent_far", "foreign")
)


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
    servers: Any  # SERVER rows of those that the shard hosts, the same of pools, and of their sites' products
    pools: Any
    products: Any
    journal: Any = None  # rows of JOURNAL, in the total order, if one was kept
    pace: Pace | None = None  # of the world's shards, if there were several
    cpu_s: float = 0.0  # CPU time of the shards' processes; what was lost and done again counts once


class Shard:
    """One slice of a world at one replication of a scenario."""

    def __init__(
        self, scenario: Any, replication: int = 0, shard: int = 0, shards: int = 1, keep_journal: bool = False
    ) -> None:
        self.policies = build.policies(scenario)
        self.world = build.build(scenario, self.policies, replication, shard, shards, keep_journal)
        self.shards = shards
        hosted = layout.parts(scenario, shards)
        self._starts, self._owners = layout.owners(scenario, hosted)
        self._sends = [layout.senders(scenario, part) for part in hosted]
        self.end = int(self.world.config[0].end)
        self.latency = int(self.world.config[0].latency)
        self.shard = shard
        self._hosts_servers = bool(self.world.config[0].local_servers > 0)
        self._sites = scenario.servers.sites
        self.lookahead = layout.lookahead(scenario, hosted, shard)
        self._view()
        with np.errstate(over="ignore"):
            engine.start(self.world)
            self._advance = direct(engine.run, self.world, 0)
            if shards > 1:
                self._first_wrong = direct(arrivals.first_wrong, self.world, 0, self._sends[shard])
                self._file = direct(engine.deliver, self.world, 0)
                self._next_departure = direct(roaming.next_departure, self.world)
        self.run(0)

    def restore(self, tables: dict[str, Any]) -> None:
        """Go on from the tables of a checkpoint of this shard."""
        self.world.replace(**tables)
        self._view()

    def _view(self) -> None:
        # The control row as plain numbers: a window is short, and records are slow to read from Python.
        self._control = self.world.control.view(np.ndarray).view(np.int64)
        self._outbox = self.world.outbox.view(np.ndarray)
        self._inbox = memoryview(self.world.inbox.view(np.ndarray).view(np.uint8))

    @property
    def next_time(self) -> int:
        """Time of the next event here, ns; NEVER when there is none before the end."""
        time = int(self._control[NEXT])
        return time if time < self.end else NEVER

    @property
    def next_influence(self) -> int:
        """Before this time nothing here can lead to a message for another shard, unless one arrives first.

        Servers only ever answer; so where they live, nothing leaves unless a message from elsewhere is there, or a
        client moves to another site (see `roaming.py`).
        """
        if not self._hosts_servers or self._control[FOREIGN] > 0:
            return self.next_time
        return int(self._next_departure(self.world)) if self._sites > 1 else NEVER

    def run(self, horizon: int) -> None:
        """Handle the events before `horizon` (or less, when a message left for another shard)."""
        if not JIT_DISABLED:
            self._run(horizon)
            return
        with np.errstate(over="ignore"):
            self._run(horizon)

    def _run(self, horizon: int) -> None:
        status = self._advance(self.world, min(horizon, self.end))
        while status != HORIZON:
            if status == GROW:
                growth.grow(self.world)
                self._outbox = self.world.outbox.view(np.ndarray)
            elif status == BALANCE:
                self._balance()
            else:
                raise self._violation(status)
            status = self._advance(self.world, int(self._control[REACH]))

    def check(self) -> None:
        """Recount what must add up; raises InvariantViolation."""
        with np.errstate(over="ignore"):
            status = engine.check(self.world)
        if status != HORIZON:
            raise self._violation(status)

    def take_outgoing(self) -> tuple[list[bytes], int, int]:
        """Return the messages for each shard (rows of EVENT, as bytes).

        And when the first arrives of those that may lead to another message: at shards that share a site with this
        one, and at others.
        """
        count = int(self._control[OUTGOING])
        if count == 0:
            return [b""] * self.shards, NEVER, NEVER
        near, far = int(self._control[SENT_NEAR]), int(self._control[SENT_FAR])
        self._control[OUTGOING] = 0
        self._control[SENT_NEAR] = self._control[SENT_FAR] = NEVER
        rows = self._outbox[:count]
        if self.shards == 2:
            return ([b"", rows.tobytes()] if self.shard == 0 else [rows.tobytes(), b""]), near, far
        homes = self._owners[np.searchsorted(self._starts, rows["target"], side="right") - 1]
        return [rows[homes == k].tobytes() for k in range(self.shards)], near, far

    def deliver(self, messages: bytes, source: int) -> None:
        """File messages from another shard; raises ValueError for any that cannot come from there."""
        if len(messages) % EVENT.itemsize:
            raise ValueError(f"{len(messages)} bytes, not a multiple of {EVENT.itemsize}")
        count = len(messages) // EVENT.itemsize
        if count > self.world.inbox.size:
            growth.make_inbox(self.world, 2 * count)
            self._view()
        self._inbox[: len(messages)] = messages
        wrong = self._first_wrong(self.world, count, self._sends[source])
        if wrong >= 0:
            row = dict(zip(EVENT.names or (), self.world.inbox[wrong].item(), strict=True))
            raise ValueError(
                f"message {wrong} of {count}, which shard {source} cannot send to shard {self.shard} "
                f"(at {int(self._control[REACH])} ns): {row}"
            )
        while self._file(self.world, count) == GROW:
            growth.grow(self.world, count)

    def tally(self) -> Tally:
        """Close the books at the end of the run."""
        self.check()
        world = self.world
        control = world.control[0]
        with np.errstate(over="ignore"):
            ledger.close(world)
            digest = int(engine.digest(world))
        servers, pools, products = self._own_rows()
        return Tally(
            digest,
            int(control.events),
            world.series.reshape(-1, COLUMNS),
            world.histograms.reshape(2, -1),
            world.control[:1].copy(),
            servers,
            pools,
            products,
            world.journal[: control.journaled] if world.journal.size else None,
        )

    def _own_rows(self) -> tuple[Any, Any, Any]:
        """Return the rows of the servers that live here, of their pools, and of their sites' products."""
        config = self.world.config[0]
        first, products, first_site = int(config.first_server), int(config.products), int(config.first_site)
        end, end_site = first + int(config.local_servers), first_site + int(config.local_sites)
        return (
            self.world.servers[first:end].copy(),
            self.world.pools[first * products : end * products].copy(),
            self.world.products[first_site * products : end_site * products].copy(),
        )

    def _balance(self) -> None:
        """Ask a balancing policy for targets, check them, and order the moves: at a site, or between sites."""
        world, site = self.world, int(self.world.control[0].balancing)
        members, count = int(world.config[0].members), int(world.config[0].products)
        stock = world.products.reshape(-1, count)
        if site == intersite.ALL_SITES:
            report = Report(
                np.ones(len(stock), bool),
                stock["reported_owned"].copy(),
                stock["reported_leased"].copy(),
                stock["reported_requests"].copy(),
                np.zeros(count, np.int64),
            )
            stock["target"] = _targets(self.policies.intersite, "intersite", report)
            intersite.carry_out(world)
            return
        rows = slice(site * members, (site + 1) * members)
        pools = world.pools.reshape(-1, count)[rows]
        report = Report(
            world.servers["reported"][rows].astype(bool),
            pools["reported_allocated"].copy(),
            pools["reported_leased"].copy(),
            pools["reported_requests"].copy(),
            stock["reserve"][site].copy(),
        )
        pools["target"] = _targets(self.policies.balancing, "balancing", report)
        sites.carry_out(world, site)

    def _violation(self, status: int) -> InvariantViolation:
        control = self.world.control[0]
        return InvariantViolation(
            f"{MEANING[status]}; at {control.now / SECOND:.9f} s, agent {control.culprit}, value {control.value}"
        )


def _targets(policy: Any, kind: str, report: Report) -> Any:
    """Return a policy's targets; raises InvariantViolation when it fails, or they are impossible."""
    name = f"{kind} policy {type(policy).__name__}"
    try:
        targets = np.asarray(policy.targets(report))
    except Exception as error:
        raise InvariantViolation(f"{name} failed: {type(error).__name__}: {error}") from error
    if targets.shape != report.allocated.shape or not np.issubdtype(targets.dtype, np.integer):
        raise InvariantViolation(f"{name}: targets must be integers of shape {report.allocated.shape}")
    here = report.answered
    available = report.allocated[here].sum(axis=0) + report.reserve
    if (targets < 0).any() or (targets[here].sum(axis=0) > available).any():
        raise InvariantViolation(
            f"{name}: targets {targets[here].tolist()} must be >= 0 and add up to at most"
            f" {available.tolist()} over those that answered"
        )
    return targets


def simulate(
    scenario: Any,
    replication: int = 0,
    keep_journal: bool = False,
    checkpoints: checkpoint.Checkpoints | None = None,
) -> Tally:
    """Run one replication of a scenario as one shard, in this process; with checkpoints, from the last one on."""
    started_s = time.process_time()
    shard = Shard(scenario, replication, keep_journal=keep_journal)
    if checkpoints is None:
        shard.run(shard.end)
    else:
        started_s = _run_in_slices(shard, checkpoints, started_s)
    tally = conserved(scenario, shard.tally())
    tally.cpu_s = time.process_time() - started_s
    return tally


def _run_in_slices(shard: Shard, checkpoints: checkpoint.Checkpoints, started_s: float) -> float:
    """Run to the end, with a checkpoint whenever one is due.

    `started_s` is the process's CPU time at the start; returned as if all had been done in this process.
    """
    if saved := checkpoints.restore(lambda folder, seals: checkpoint.load(folder, 0, seals)):
        numbers, tables = saved
        shard.restore(tables)
        started_s -= numbers["cpu_s"]

    def write_parts(folder: Path) -> list[bytes]:
        return [checkpoint.save(folder, 0, shard.world, {"cpu_s": time.process_time() - started_s})]

    aim_s = min(SLICE_S, checkpoints.every_s)
    slice_ns = max(1, shard.end // FIRST_SLICES)
    horizon = 0
    while horizon < shard.end:
        begun_s = time.monotonic()
        horizon = min(max(horizon, shard.next_time) + slice_ns, shard.end)
        shard.run(horizon)
        if aim_s > 0:
            slice_ns = max(1, int(slice_ns * min(2.0, max(0.5, aim_s / (time.monotonic() - begun_s)))))
        if horizon < shard.end and checkpoints.is_due():
            checkpoints.save(write_parts)
    return started_s


def conserved(scenario: Any, tally: Tally) -> Tally:
    """Return a whole world's tally; raises InvariantViolation if licenses came or went between its sites."""
    products = [product.licenses for product in scenario.products]
    sites = tally.products.reshape(-1, len(products))
    underway, owned = sites["shipped"].sum(axis=0), sites["owned"].sum(axis=0)
    if (underway < 0).any() or (owned + underway != products).any():
        raise InvariantViolation(
            f"licenses are not conserved between sites: {products} at the start; at the end sites own"
            f" {owned.tolist()}, and {underway.tolist()} are on their way"
        )
    return tally


def merge(tallies: list[Tally]) -> Tally:
    """Add up the tallies of all shards of a world, in order."""
    first = tallies[0]
    control = first.control.copy()
    for name in control.dtype.names:
        values = [tally.control[name][0] for tally in tallies]
        control[name][0] = max(values) if name in MAXIMA else sum(values) if name in SUMS else values[0]
    return Tally(
        sum(tally.digest for tally in tallies) % 2**64,
        sum(tally.events for tally in tallies),
        sum(tally.series for tally in tallies),
        sum(tally.histograms for tally in tallies),
        control,
        np.concatenate([tally.servers for tally in tallies]),
        np.concatenate([tally.pools for tally in tallies]),
        np.concatenate([tally.products for tally in tallies]),
        None if first.journal is None else journal.merged([tally.journal for tally in tallies]),
        sum_of([tally.pace for tally in tallies if tally.pace]) if first.pace else None,
        sum(tally.cpu_s for tally in tallies),
    )


MAXIMA = ("wait_max", "queue_max", "overissued")
SUMS = (
    "events", "wait_sum", "wait_count", "queue_sum", "queue_count", "waiting", "waiting_area", "unmetered",
    "unmetered_area", "leased", "leased_area", "ghosts", "ghost_area",
)  # fmt: skip
