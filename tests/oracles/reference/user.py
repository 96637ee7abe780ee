"""The user of a client: launches programs, and wants them to run."""

from typing import TYPE_CHECKING

from oracles.reference.draws import draw
from oracles.reference.program import Program

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.licenses import Lease
    from oracles.reference.server import Server


class User:
    """Launches, and what a program does at an answer or without one."""

    def __init__(self, client: "Client"):
        self.client, self.world, self.settings = client, client.world, client.settings
        slots, stream = range(len(client.slots)), client.world.stream
        self.launch_streams = [stream("launch", client.number, slot) for slot in slots]
        self.program_streams = [stream("program", client.number, slot) for slot in slots]
        self.size_streams = [stream("size", client.number, slot) for slot in slots]

    def next_launch(self, slot: int, first: bool = False) -> None:
        """Closed: think, then launch. Open: the next arrival of this slot's own stream."""
        work, stream = self.client.scenario["workload"], self.launch_streams[slot]
        mean = work["launch_interval_s"] * (len(self.client.slots) if work["arrivals"] == "open" else 1)
        values = [value * mean / work["launch_interval_s"] for value in self.world.launch_intervals]
        interval = draw(work["launch"], mean, work["launch_cv"], stream, values)
        if first and work["launch"] != "exponential":  # CHOICE: the others start at a random phase
            interval *= stream.random()
        self.world.at(self.world.profile.later(self.world.now, interval), self.launch, slot)

    def launch(self, slot: int) -> None:
        crash = self.client.crash
        if self.client.scenario["workload"]["arrivals"] == "open":
            self.next_launch(slot)
            is_busy = self.client.slots[slot] is not None or (crash is not None and slot in crash.restarts)
            if is_busy or self.client.is_down:
                self.world.measures.counts["suppressed"] += 1
                return
        elif self.client.is_down and crash is not None:
            crash.late.append(slot)
            return
        self.begin(slot)

    def begin(self, slot: int, product: int | None = None) -> None:
        """A launch, of a product if it is known already."""
        self.world.measures.counts["launches"] += 1
        self.client.failback.launches()
        program = self.client.slots[slot] = self.new_program(slot)
        if product is not None:
            program.product = product
        self.ask(program)

    def new_program(self, slot: int) -> Program:
        work, stream = self.client.scenario["workload"], self.program_streams[slot]
        products = self.world.products
        product = stream.choices(range(len(products)), [p["popularity"] for p in products])[0]
        run_time = draw(work["run_time"], work["run_time_s"], work["run_time_cv"], stream, self.world.run_times)
        return Program(self.client, slot, self.world.number(), product, run_time, self.size(slot, product))

    def size(self, slot: int, product: int) -> int:
        """How many licenses a launch takes."""
        tokens = self.world.products[product]["tokens"]
        if isinstance(tokens, int):
            return tokens
        numbers, weights = zip(*tokens, strict=True)
        return self.size_streams[slot].choices(numbers, weights)[0]

    def ask(self, program: Program) -> None:
        """At the launch, and again after a denial."""
        if program.ended:  # in a crash, since
            return
        if self.client.link.offline:
            self.without_answer(program)
            return
        # CHOICE: a run time of 0 ends at the grant, whatever the enforcement ("released as soon as granted")
        runs_at_once = self.settings["enforcement"] == "after-start"
        if runs_at_once and program.run_time > 0:
            self.start(program)
        self.client.link.line_up(program)

    def start(self, program: Program) -> None:
        program.running = True
        program.review()
        self.world.after(program.run_time, self.run_out, program, program.runs)

    def run_out(self, program: Program, run: int) -> None:
        if program.running and program.runs == run:
            self.end(program)

    def end(self, program: Program) -> None:
        """Its request is taken back if it waits; one in flight is answered or fails all the same (CHOICE)."""
        program.ended, program.running = True, False
        program.wait(False)
        self.client.link.take_back(program)
        self.client.releases.abandon(program)
        self.client.releases.give_back(program)
        program.review()
        self.client.slots[program.slot] = None
        self.rest(program.slot)

    def rest(self, slot: int) -> None:
        """A program has ended."""
        if self.client.scenario["workload"]["arrivals"] == "closed":
            self.next_launch(slot)

    def without_answer(self, program: Program) -> None:
        """The client is offline, so nobody is asked."""
        program.wait(False)
        if self.settings["offline"] == "deny":
            self.world.measures.counts["gave_up"] += 1
            self.end(program)
            return
        if not program.unmetered:
            self.world.measures.counts["unmetered_starts"] += 1
        program.unmetered = program.decided = True
        if not program.running:
            self.start(program)

    def give_up(self, program: Program) -> None:
        """A program that runs by right runs on (CHOICE)."""
        self.client.releases.abandon(program)
        if program.lease is None and not program.unmetered:
            self.world.measures.counts["gave_up"] += 1
            self.end(program)

    def granted(self, program: Program, lease: "Lease") -> None:
        self.world.measures.counts["grants"] += 1
        if not program.decided:
            self.world.measures.waits.append(self.world.now - program.launched)
        program.decided, program.unmetered = True, False
        program.wait(False)
        self.world.measures.counts["leases_lost"] += not lease.alive  # while its grant was on its way
        old, program.lease = program.lease, lease
        if old is not None and old.server is not lease.server:
            self.world.measures.counts["double_grants"] += 1
            self.client.releases.leave(old)
            if program.tells_old_server:
                self.client.releases.release(old)
        if not program.running:
            self.start(program)
        program.review()

    def poll(self, program: Program, run: int) -> None:
        if program.runs == run:
            self.ask_if_idle(program)

    def called(self, server: "Server", program: Program) -> None:
        """A callback: the user asks again, if the server that calls is his."""
        if server is self.client.link.server and not self.client.link.offline:
            self.ask_if_idle(program)

    def ask_anew(self) -> None:
        """At another server, or back from offline: who waits to be called back asks again."""
        if self.client.denials.is_called_back:
            for program in self.client.programs:
                self.ask_if_idle(program)

    def ask_if_idle(self, program: Program) -> None:
        if program.waiting and not self.client.link.is_asking(program):
            self.ask(program)
