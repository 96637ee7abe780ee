"""The books of a whole world, counted once more in plain numpy and Python from its tables and its journal.

Nothing here calls the engine: its own recount (`Shard.check`) may share its mistakes.
"""

from collections import Counter
from typing import Any

import numpy as np
from meterstorm.actors import client, journal, kinds, leases, workload, world
from meterstorm.actors.world import NONE, RUNNING, WAITS

SECOND = 1_000_000_000
ASKING = (kinds.REQUEST, kinds.HEARTBEAT, kinds.KEPT_RELEASE)
ANSWERS = (kinds.GRANT, kinds.DENY, kinds.OVERLOADED, kinds.REFUSED, kinds.ACK, kinds.KEPT_ACK)
DECIDED_LATER = (client.WAITING, client.ASKING, client.CALLED)


class Books:
    """The rows in use of a world's tables."""

    def __init__(self, shard: Any) -> None:
        self.world = shard.world
        self.config = shard.world.config[0]
        self.control = shard.world.control[0]
        self.slots = self.world.slots.reshape(self.config.clients, self.config.programs)
        self.leases = _used(self.world.leases, self.world.leases["state"] != 0)
        self.total = self.world.series.reshape(-1, world.COLUMNS).sum(axis=0)
        # Of these, what is on its way or waits for service: not the denied requests whose users wait to be called
        # back, nor a message that died in a crash, which keeps its row until its service would have ended.
        self.links = self.world.links[self.slots.size :]  # of rows of events
        self.called = [_chain(self.links["next"], n) for n in self.world.pools["queue_head"]]
        in_use = ~_free(self.links, self.control.free_event)
        in_use[self.control.fresh_event :] = False
        timers = self._timers_of_slots()
        self.events = np.concatenate([timers, _used(self.world.events, in_use)])
        in_use[[n for rows in self.called for n in rows]] = False
        in_use &= self.world.events["flag"] & world.VOID == 0
        self.alive = np.concatenate([timers, _used(self.world.events, in_use)])
        self.site_of = np.arange(self.config.servers) // self.config.members  # of each server
        # The same, by kind, source, target, slot and program.
        names = ("kind", "source", "target", "slot", "program")
        self.under_way = set(zip(*(self.alive[name].tolist() for name in names), strict=True))

    def _timers_of_slots(self) -> Any:
        """The timers that lie in slots' rows, as rows of events."""
        slots = self.world.slots.view(np.ndarray)
        place = np.flatnonzero(slots["timer"] != kinds.FREE)
        rows = np.zeros(len(place), world.EVENT)
        rows["source"] = rows["target"] = place // self.config.programs
        rows["slot"] = place % self.config.programs
        rows["kind"], rows["attempt"] = slots["timer"][place], slots["timer_epoch"][place]
        for name in ("time", "serial", "program"):
            rows[name] = slots[f"timer_{name}"][place]
        return rows

    def balance(self) -> None:
        """Everything that must hold at any time."""
        self.licenses()
        self.rows()
        self.holders()
        self.timers()
        self.programs()
        self.messages()

    # --- licenses ---------------------------------------------------------------------------------------------

    def licenses(self) -> None:
        """Every license is in one place: leased, reserved, free, in transit, or with a site server."""
        shape = (self.config.servers, self.config.products)
        of_site = (self.config.sites, self.config.members, self.config.products)
        pools = {
            name: self.world.pools[name].reshape(shape) for name in ("allocated", "free", "leased", "reserved")
        }
        products = self.world.products.reshape(self.config.sites, self.config.products)
        moved = np.zeros(products.shape, int)
        moving = self.alive[np.isin(self.alive["kind"], (kinds.TAKEN, kinds.GIVE))]
        servers = np.minimum(moving["source"], moving["target"]) - self.config.clients
        between_sites = servers >= self.config.servers
        self.shipped = np.bincount(
            moving["product"][between_sites], moving["value"][between_sites], minlength=self.config.products
        )
        moving, servers = moving[~between_sites], servers[~between_sites]
        np.add.at(moved, (self.site_of[servers], moving["product"]), moving["value"])
        assert (moved == products["in_transit"]).all()
        known = pools["allocated"].reshape(of_site).sum(axis=1) + products["in_transit"] + products["reserve"]
        assert (known == products["owned"] + products["copies"]).all()
        assert (products["leased"] <= products["owned"] + products["copies"]).all()
        if not self.config.keeps_until_ack:  # the one policy under which a license may be in two pools
            assert not products["copies"].any()
            assert self.control.overissued <= 0
        assert (pools["free"] + pools["leased"] + pools["reserved"] == pools["allocated"]).all()
        assert min(value.min() for value in (*pools.values(), products["in_transit"], products["reserve"])) >= 0
        holds = np.isin(self.leases["state"], (leases.LIVE, leases.GHOST))
        place = self.leases["server"]
        if self.config.shared_pool:
            place = place // self.config.members * self.config.members
        site = self.site_of[self.leases["server"]]
        for name, rows in (("leased", holds), ("reserved", self.leases["state"] == leases.RESERVED)):
            counted = np.zeros(shape, int)
            np.add.at(counted, (place[rows], self.leases["product"][rows]), 1)
            assert (counted == pools[name]).all(), name
        for name, rows in (("leased", holds), ("ghosts", self.leases["state"] == leases.GHOST)):
            counted = np.zeros(products.shape, int)
            np.add.at(counted, (site[rows], self.leases["product"][rows]), 1)
            assert (counted == products[name]).all(), name
            assert counted.sum() == self.control[name], name

    # --- tables -----------------------------------------------------------------------------------------------

    def rows(self) -> None:
        """No row is lost or used twice: not of a lease, nor of an event; and no program has two leases."""
        tables, control = self.world, self.control
        assert control.free_leases == len(tables.leases) - len(self.leases)
        assert control.free_leases == _free(tables.leases, control.free_lease).sum()
        timers = np.flatnonzero(tables.slots["timer"] != kinds.FREE)
        assert control.free_events == len(tables.events) + len(timers) - len(self.events)
        numbers = self._in_the_calendar()
        assert len(set(numbers)) == len(numbers) == control.pending + control.open
        assert {n for n in numbers if n < self.slots.size} == set(timers.tolist())
        seats = tables.seats["abandoned"].reshape(-1, self.config.programs)
        assert (tables.accounts["abandoned"] == seats.max(axis=1)).all()
        names = ("client", "slot", "program", "server")
        programs = Counter(zip(*(self.leases[name].tolist() for name in names), strict=True))
        assert max(programs.values(), default=1) == 1, programs.most_common(1)
        visitors = tables.visitors[: control.visitors]
        sites = np.repeat(np.arange(self.config.sites), np.diff(self._first_clients()))
        known = [
            *enumerate(sites.tolist()),
            *zip(visitors["client"].tolist(), visitors["site"].tolist(), strict=True),
        ]
        assert max(Counter(known).values()) == 1
        by_client = [_chain(tables.leases["next"], n) for n in tables.accounts["leases"][: len(known)]]
        assert sum(map(len, by_client)) == len(self.leases)
        for (c, site), rows in zip(known, by_client, strict=True):
            assert (tables.leases["client"][rows] == c).all()
            assert (self.site_of[tables.leases["server"][rows]] == site).all()
        by_server = [_chain(tables.leases["newer"], n) for n in tables.servers["oldest"]]
        assert sum(map(len, by_server)) == (self.leases["state"] != leases.LOST).sum()
        for s, rows in enumerate(by_server):
            assert (tables.leases["server"][rows] == s).all()
            assert (np.diff(tables.leases["heard"][rows]) >= 0).all()
        queued = [_chain(self.links["next"], n) for n in tables.servers["head"]]
        assert sum(map(len, self.called)) == control.callbacks
        waiting = [int((tables.events["kind"][rows] == kinds.REQUEST).sum()) for rows in queued]
        assert waiting == tables.servers["waiting"].tolist()
        elsewhere = control.pending + control.open + control.transit_end - control.transit_begin
        assert sum(map(len, queued + self.called)) + elsewhere == len(self.events)

    def _in_the_calendar(self) -> list[int]:
        """The numbers of all events in its heap and its buckets, and of those that are yet to be filed there."""
        tables, control = self.world, self.control
        heads = [*tables.buckets[tables.buckets != NONE], control.unfiled]
        listed = [n for head in heads for n in _chain(tables.links["next"], head)]
        return listed + tables.due["event"][: control.open].tolist()

    def _first_clients(self) -> Any:
        return np.arange(self.config.sites + 1) * self.config.clients // self.config.sites

    # --- who holds what ---------------------------------------------------------------------------------------

    def holders(self) -> None:
        """Every lease has a program, is known to have none, or its fate is on its way; and the other way round."""
        held = set()
        names = ("client", "slot", "program", "server", "state")
        for c, j, program, s, state in zip(*(self.leases[name].tolist() for name in names), strict=True):
            slot = self.slots[c, j]
            holds = slot.program == program and slot.lease == s
            held.add((c, j, program, s))
            if state == leases.RESERVED:
                agent = self.config.clients + s
                assert (kinds.GRACE_END, agent, agent, j, program) in self.under_way
            elif state == leases.GHOST:
                assert not holds, f"client {c}'s slot {j} holds a lease of server {s} that counts as a ghost"
            elif not holds:
                assert self._fate_is_known(c, j, program, s), f"server {s} keeps a lease of client {c}'s slot {j}"
        for (c, j), slot in np.ndenumerate(self.slots):
            if slot["state"] == client.METERED:
                key = (c, j, int(slot["program"]), int(slot["lease"]))
                assert key in held, f"client {c}'s slot {j} runs under a lease that server {slot['lease']} has not"
        unleased = (self.slots["marks"] & RUNNING != 0) & (self.slots["lease"] == NONE)
        states, knows = self.leases["state"], self.leases["granted"] != 0
        lost = (states == leases.LOST) | ((states == leases.RESERVED) & knows)
        assert self.control.unmetered == unleased.sum() + lost.sum()
        assert self.control.waiting == (self.slots["marks"] & WAITS != 0).sum()

    def _fate_is_known(self, c: int, j: int, program: int, s: int) -> bool:
        """Whether a lease that no program holds is awaited, or its client or server is about to hear of it."""
        slot, clients = self.slots[c, j], self.config.clients
        observer = clients + self.config.servers + self.config.sites + int(self.site_of[s])
        return (
            (slot.program == program and slot.asked == s)
            or (kinds.GRANT, clients + s, c, j, program) in self.under_way
            or (kinds.RELEASE, c, clients + s, j, program) in self.under_way
            or (kinds.NOTICE, c, observer, j, program) in self.under_way
        )

    # --- timers -----------------------------------------------------------------------------------------------

    def timers(self) -> None:
        """Whatever waits for a timer has one; timers that would go off after the end of the run are not set."""
        config, now = self.config, self.control.now
        names = ("kind", "target", "slot", "attempt")
        timers = Counter(zip(*(self.alive[name].tolist() for name in names), strict=True))
        launches = Counter((kind, c, j) for kind, c, j, _ in timers.elements() if kind == kinds.LAUNCH)
        assert max(launches.values(), default=0) <= 1
        for (c, j), slot in np.ndenumerate(self.slots):
            place = c * config.programs + j
            run_time = workload.run_time(self.world, place, int(slot["program"]))
            if slot["marks"] & RUNNING and now + run_time < config.end:
                assert timers[kinds.END, c, j, int(slot["epoch"])] == 1
            if slot["state"] == client.CALLED and 0 < config.callback_poll < config.end - now:
                assert timers[kinds.ASK_AGAIN, c, j, int(slot["epoch"])] == 1
            if config.arrivals == workload.CLOSED and slot["state"] != client.IDLE:
                assert launches[kinds.LAUNCH, c, j] == 0
        deadlines = self._deadlines()
        for c, row in enumerate(self.world.clients):
            asks = row.flight >= 0 or row.flight == world.BEAT
            if asks and now + config.request_timeout < config.end:
                assert deadlines[c, int(row.timer)] == 1
            if not asks:
                assert row.deadline == NONE

    def _deadlines(self) -> Counter[tuple[int, int]]:
        """How often each client with its timer's number is in the ring of deadlines, which is in order of time."""
        control, ring = self.control, self.world.deadlines
        rows = ring[np.arange(control.deadlines_begin, control.deadlines_end) % ring.size]
        assert (np.diff(rows["time"]) >= 0).all()
        return Counter(_pairs(rows[rows["client"] != NONE], "client", "timer"))

    # --- what was counted -------------------------------------------------------------------------------------

    def programs(self) -> None:
        """Every launch is accounted for.

        Launches are what the slots have drawn. A launched program that asks is granted, denied, given up, started
        without a server, or undecided. Two things are not counted: a program that ran out before its answer, so
        that the sum may fall short under `after-start`; and a user who asks again after an eviction or after a
        start without a server, so that it may be too large under other than `give-up`.
        """
        config, control, total = self.config, self.control, self.total
        launches = total[world.LAUNCHES]
        if config.arrivals == workload.CLOSED:
            assert launches == self.slots["program"].sum()
            assert total[world.SUPPRESSED] == 0
        elif config.arrivals == workload.OPEN:
            assert launches + total[world.SUPPRESSED] == self.world.arrivals.sum()
        else:
            before = np.searchsorted(self.world.recorded["client"], np.arange(config.clients))
            assert launches + total[world.SUPPRESSED] == (self.world.recorded_next - before).sum()
        if config.measure_from > 0:
            return  # users' waits are counted from the end of the warm-up on
        undecided = np.isin(self.slots["state"], DECIDED_LATER).sum()
        known = control.wait_count + total[world.GAVE_UP] + total[world.UNMETERED_STARTS] + undecided
        no_second = config.on_denial == client.GIVE_UP or (
            total[world.EVICTIONS] == total[world.UNMETERED_STARTS] == 0
        )
        none_runs_out = config.before_start or (config.run_time == 0 and config.arrivals != workload.TRACE)
        assert known <= launches or not no_second
        assert known >= launches or not none_runs_out

    def messages(self) -> None:
        """Every message sent is lost on the way, handled once, or under way; and whoever asks is answered once.

        From the journal. Only a server that crashed may owe answers, no more than the messages that it dropped.
        """
        rows = self.world.journal[: self.control.journaled].view(np.ndarray)
        rows = rows[(rows["kind"] <= kinds.DROP) & (rows["flag"] & world.IN_SERVICE == 0)]
        sent, lost, handled = (
            rows[rows["what"] == what] for what in (journal.SENT, journal.LOST, journal.HANDLED)
        )
        assert self.total[world.MESSAGES] == len(sent) + len(lost)
        assert self.total[world.MESSAGES_LOST] == len(lost)
        assert self.total[world.ATTEMPTS] == sum((some["kind"] == kinds.REQUEST).sum() for some in (sent, lost))
        left, arrived, under_way = (_pairs(some, "source", "serial") for some in (sent, handled, self.events))
        assert max(Counter(left + arrived).values(), default=0) <= 2
        assert set(arrived) <= set(left) <= set(arrived) | set(under_way)
        # A client's attempts and heartbeats, and its offers of what it kept, have numbers, which answers repeat.
        asked = _pairs(handled[np.isin(handled["kind"], ASKING)], "source", "attempt")
        answers = np.concatenate([sent, lost])
        answered = _pairs(answers[np.isin(answers["kind"], ANSWERS)], "target", "attempt")
        waiting = _pairs(self.alive[np.isin(self.alive["kind"], ASKING)], "source", "attempt")
        assert max(Counter(asked).values(), default=0) <= 1
        assert max(Counter(answered).values(), default=0) <= 1
        assert set(answered) <= set(asked)
        assert len(set(asked) - set(answered) - set(waiting)) <= self.world.servers["dropped"].sum()


def _used(rows: Any, mask: Any) -> Any:
    return rows.view(np.ndarray)[mask]


def _pairs(rows: Any, *names: str) -> list[tuple[int, ...]]:
    return list(zip(*(rows[name].tolist() for name in names), strict=True))


def _chain(following: Any, first: int) -> list[int]:
    """The rows of a linked list."""
    found, n = [], int(first)
    while n != NONE:
        found.append(n)
        n = int(following[n])
    return found


def _free(rows: Any, first: int) -> Any:
    mask = np.zeros(len(rows), bool)
    mask[_chain(rows["next"], first)] = True
    return mask
