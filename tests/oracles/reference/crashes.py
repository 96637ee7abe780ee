"""Clients that crash: when, and what becomes of their programs."""

from collections import Counter
from typing import TYPE_CHECKING

from oracles.reference.draws import draw
from oracles.reference.groups import some_clients

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.program import Program
    from oracles.reference.world import World

KIND = "client-crash"


class Crashes:
    """All crashes of the scenario. A client that is hit again while it is down is down until the last one ends."""

    def __init__(self, world: "World", faults: list[dict]):
        self.world = world
        self.holding: Counter[int] = Counter()  # by client
        for entry, fault in enumerate(faults):
            if fault["kind"] == KIND:
                for place, number in enumerate(some_clients(fault["clients"], world.scenario)):
                    stream = world.stream("crash", entry, number)
                    for start, end in world.faults.times(fault, place, stream):
                        world.faults.note(start, end)
                        world.at(start, self.begin, number, fault)
                        world.at(end, self.end, number)

    def begin(self, number: int, fault: dict) -> None:
        self.holding[number] += 1
        if self.holding[number] == 1:
            Crash(self.world.clients[number], fault).begin()

    def end(self, number: int) -> None:
        self.holding[number] -= 1
        if self.holding[number] == 0:
            self.world.clients[number].crash.end()


class Crash:
    """One crash of a client."""

    def __init__(self, client: "Client", fault: dict):
        self.client, self.fault, self.world = client, fault, client.world
        self.late: list[int] = []  # slots whose users wait for the client to launch
        self.restarts: dict[int, int] = {}  # slots whose users start their program again, and its product
        self.stream = self.world.stream("restart", client.number, self.world.now)

    def begin(self) -> None:
        client = self.client
        self.world.measures.counts["client_crashes"] += 1
        client.is_down, last, client.crash = True, client.crash, self
        for program in client.programs:
            self.kill(program)
        if self.fault["restart"] == "all" and last is not None:  # whoever was about to start again still is
            self.restarts |= last.restarts
        elif last is not None:
            for slot in last.restarts:
                client.user.rest(slot)
        client.link.forget()
        client.releases.offering = False

    def kill(self, program: "Program") -> None:
        """Nothing is sent, but the observer learns of it."""
        slot, ran = program.slot, program.running
        program.ended, program.running = True, False
        program.wait(False)
        for server in {program.asked, program.lease and program.lease.server} - {None}:
            if self.client.releases.is_deferred:
                self.client.releases.debts[server] = self.client.token
        self.client.releases.forsake(program)
        program.review()
        self.client.slots[slot] = None
        if ran and self.fault["restart"] == "all":
            self.restarts[slot] = program.product
        else:
            self.client.user.rest(slot)

    def end(self) -> None:
        client = self.client
        client.is_down, client.started = False, client.token
        if client.releases.debts:
            client.releases.offer_later()
        client.failback.settle()
        for slot in self.restarts:
            fault = self.fault
            delay = draw(fault["restart_delay"], fault["restart_delay_s"], fault["restart_delay_cv"], self.stream)
            self.world.after(delay, self.start_again, slot)
        for slot in self.late:
            client.user.launch(slot)

    def start_again(self, slot: int) -> None:
        """Unless there was another crash since, which this is for now."""
        if self.client.crash is self and slot in self.restarts:
            self.world.measures.counts["programs_restarted"] += 1
            self.client.user.begin(slot, self.restarts.pop(slot))
