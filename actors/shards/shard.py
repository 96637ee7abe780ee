"""A shard: one slice of the world, driven by Python between calls of the compiled loop.

A shard alone is a whole world (`simulate.py`). Several advance in windows, and exchange what they sent between
them (`windows.py`).
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..agents import roaming
from ..compiled.jit import JIT_DISABLED, direct
from ..compiled.raising import exceptions_kept
from ..engine import growth, invariants, loop
from ..records import digest
from ..setup import partition
from ..setup.build import build
from ..setup.origin import of_world
from ..setup.policies import compile_policies
from ..setup.scenario import Scenario
from ..state.control import CONTROL
from ..state.events import EVENT
from ..state.rows import NEVER
from ..state.status import BALANCE, GROW, HORIZON, POLICY_RAISED
from . import blame, inbox
from .balancing import balance
from .lookahead import lookahead
from .tally import Tally, tally

# Where some fields stand in the control row, in words of 8 bytes.
_OFFSETS: Any = CONTROL.fields
NEXT, STATUS, REACH, EVENTS, OUTGOING, SENT_WITHIN, SENT_ACROSS, FOREIGN, JOURNALED, STEPPING = (
    _OFFSETS[name][1] // 8
    for name in (
        "next", "status", "horizon", "events", "outgoing", "sent_within", "sent_across", "foreign", "journaled",
        "stepping",
    )
)  # fmt: skip


class Shard:
    """One slice of a world at one replication of a scenario."""

    def __init__(
        self,
        scenario: Scenario,
        replication: int = 0,
        shard: int = 0,
        shards: int = 1,
        keep_journal: bool = False,
        hosted: list[partition.Part] | None = None,  # what each hosts; None: dealt out evenly
    ) -> None:
        self.policies = compile_policies(scenario)
        hosted = hosted or partition.parts(scenario, shards)
        self.world = build(scenario, self.policies, replication, hosted[shard], shards == 1, keep_journal)
        self.origin = of_world(scenario)
        self.shards = shards
        self._starts, self._owners = partition.owners(scenario, hosted)
        self._sends = [partition.senders(scenario, part) for part in hosted]
        self.end = int(self.world.config[0].end)
        self.latency = int(self.world.config[0].latency)
        self.shard = shard
        self._hosts_servers = bool(self.world.config[0].local_servers > 0)
        self._drains = self.policies.drain_share > 0
        self._sites = scenario.servers.sites
        self.lookahead = lookahead(scenario, hosted, shard, self.policies.has("calls_back"))
        # Messages of other shards that may lead to an answer: when the first of a delivery arrives, and how many.
        self._awaited: list[tuple[int, int]] = []
        self._awaited_count = 0
        self._view()
        self.are_built_in = self.policies.are_built_in
        self._start()
        with np.errstate(over="ignore"):
            self._advance = direct(loop.run, self.world, 0)
            if shards > 1:
                self._first_wrong = direct(inbox.first_wrong, self.world, 0, self._sends[shard])
                self._file = direct(inbox.deliver, self.world, 0)
                self._next_departure = direct(roaming.next_departure, self.world)
        self.run(0)

    def _start(self) -> None:
        """Set the first timers; clients plan already, and a policy may fail."""
        kept: Sequence[BaseException]
        with (
            np.errstate(over="ignore"),
            nullcontext(()) if self.are_built_in else exceptions_kept(lambda: None) as kept,
        ):
            loop.start(self.world)
        if kept:
            raise blame.raised(self.world, self.policies, kept[0])
        if self._control[STATUS] != HORIZON:
            raise blame.stopped(self.world, self.policies, int(self._control[STATUS]))

    def restore(self, tables: dict[str, Any]) -> None:
        """Go on from the tables of a checkpoint of this shard."""
        self.world.replace(**tables)
        self._view()

    def _view(self) -> None:
        # The control row as plain numbers: a window is short, and records are slow to read from Python.
        self._control = self.world.control.view(np.ndarray).view(np.int64)
        self._outbox = self.world.outbox.view(np.ndarray)
        self._inbox = memoryview(self.world.inbox.view(np.ndarray).view(np.uint8))
        self._arrivals = self.world.inbox.view(np.ndarray)["time"]

    @property
    def next_time(self) -> int:
        """Time of the next event here, ns; NEVER when there is none before the end."""
        time = int(self._control[NEXT])
        return time if time < self.end else NEVER

    @property
    def next_influence(self) -> int:
        """Before this time nothing here can lead to a message for another shard, unless one arrives first.

        See steps 2 and 3 of `lookahead.py`.
        """
        if not self._hosts_servers or self._drains:
            return self.next_time
        if self._control[FOREIGN] > 0:
            return self._next_answer()
        return int(self._next_departure(self.world)) if self._sites > 1 else NEVER

    def _next_answer(self) -> int:
        """Return before which time no message of another shard that is here leads to an answer."""
        self._forget_arrived()
        none_has_arrived = self._awaited_count == self._control[FOREIGN]
        return self._awaited[0][0] if none_has_arrived and self._sites == 1 else self.next_time

    def _forget_arrived(self) -> None:
        """Stop awaiting deliveries whose first message has arrived."""
        while self._awaited and self._awaited[0][0] < self.next_time:
            self._awaited_count -= heappop(self._awaited)[1]

    @property
    def digest(self) -> int:
        """Digest of everything that has happened here so far."""
        with np.errstate(over="ignore"):
            return int(digest.total(self.world))

    def run(self, horizon: int) -> None:
        """Handle the events before `horizon` (or less, when a message left for another shard)."""
        if JIT_DISABLED:
            with np.errstate(over="ignore"):
                self._run(horizon, ())
        elif self.are_built_in:
            self._run(horizon, ())
        else:
            with exceptions_kept(self._stop) as kept:
                self._run(horizon, kept)

    def step(self) -> Any:
        """Handle the next event; return the journal's rows of it and of what came of it, none at the end.

        For a shard alone that keeps a journal, which has no other rows from then on.
        """
        self._control[JOURNALED], self._control[STEPPING] = 0, 1
        try:
            self.run(self.end)
        finally:
            self._control[STEPPING] = 0
        return self.world.journal[: self._control[JOURNALED]].copy()

    def cut(self) -> None:
        """Have a run that is under way return before its next event; another thread may ask for it.

        A run that only begins may not see it: ask again.
        """
        self._control[REACH] = 0

    def _stop(self) -> None:
        self._control[STATUS] = POLICY_RAISED

    def _run(self, horizon: int, kept: Sequence[BaseException]) -> None:
        """As `run`; `kept` is where exceptions of compiled policies are found."""
        status = self._advance(self.world, min(horizon, self.end))
        while status != HORIZON:
            if kept:
                raise blame.raised(self.world, self.policies, kept[0])
            if status == GROW:
                growth.grow(self.world)
                self._outbox = self.world.outbox.view(np.ndarray)
            elif status == BALANCE:
                balance(self.world, self.policies)
            else:
                raise blame.stopped(self.world, self.policies, status)
            status = self._advance(self.world, int(self._control[REACH]))

    def take_outgoing(self) -> tuple[list[bytes], int, int]:
        """Return the messages for each shard (rows of EVENT, as bytes), and two times, ns.

        The times are when the first arrives of those that may lead to another message: at shards that share a site
        with this one, and at others.
        """
        count = int(self._control[OUTGOING])
        if count == 0:
            return [b""] * self.shards, NEVER, NEVER
        within, across = int(self._control[SENT_WITHIN]), int(self._control[SENT_ACROSS])
        self._control[OUTGOING] = 0
        self._control[SENT_WITHIN] = self._control[SENT_ACROSS] = NEVER
        rows = self._outbox[:count]
        if self.shards == 2:
            return ([b"", rows.tobytes()] if self.shard == 0 else [rows.tobytes(), b""]), within, across
        homes = self._owners[np.searchsorted(self._starts, rows["target"], side="right") - 1]
        return [rows[homes == k].tobytes() for k in range(self.shards)], within, across

    def deliver(self, messages: bytes, source: int) -> None:
        """File messages from another shard; raises ValueError for any that cannot come from there."""
        if len(messages) % EVENT.itemsize:
            raise ValueError(f"{len(messages)} bytes, not a multiple of {EVENT.itemsize}")
        count = len(messages) // EVENT.itemsize
        if count > self.world.inbox.size:
            growth.make_inbox(self.world, 2 * count)
            self._view()
        before = self._control[FOREIGN]
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
        if self._hosts_servers and (more := int(self._control[FOREIGN] - before)):
            self._forget_arrived()  # here, too: not every run asks for the next answer
            heappush(self._awaited, (int(self._arrivals[:count].min()), more))
            self._awaited_count += more

    def tally(self) -> Tally:
        """Recount what must add up, and close the books at the end of the run; raises InvariantViolation."""
        invariants.recount(self.world)
        return replace(tally(self.world), origin=self.origin)
