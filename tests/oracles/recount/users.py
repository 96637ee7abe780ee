"""The books of users: what each slot wants, runs, holds and waits for."""

from typing import Any

from meterstorm.actors.state import kinds

from oracles.recount.client import IDLE, STARTS_AGAIN, UNMETERED, WAITING, Client, Slot
from oracles.recount.ledger import Ledger
from oracles.recount.observer import Observer
from oracles.recount.record import Outcome, Row


class Users:
    """All slots of all clients."""

    def __init__(self, scenario: Any, ledger: Ledger, observer: Observer) -> None:
        self.ledger, self.observer = ledger, observer
        self.first_server, self.groups = scenario.clients.count, ledger.groups
        self.loses_launches = scenario.workload.arrivals != "closed"
        self.recorded = scenario.workload.arrivals == "trace"

    def launch(self, client: Client, event: Row) -> None:
        slot = client.slots[event.slot]
        if client.down:  # who would launch when the last program has ended waits until it is back
            self.ledger.count("suppressed", self.loses_launches)
            return
        if self.recorded:  # a recorded launch takes any slot
            slot = next((slot for slot in client.slots if slot.state == IDLE), slot)
        if slot.state != IDLE:
            self.ledger.count("suppressed")
            return
        self._begin(client, slot)

    def relaunch(self, client: Client, event: Row) -> None:
        """A user starts a program again that ended in a crash."""
        self.ledger.count("programs_restarted")
        self._begin(client, client.slots[event.slot])

    def _begin(self, client: Client, slot: Slot) -> None:
        self.ledger.count("launches")
        slot.program, slot.launched, slot.is_decided, slot.asked = None, self.ledger.clock.now, False, 0
        self.want(client, slot)

    def want(self, client: Client, slot: Slot) -> None:
        """The user wants the slot's program: a launch, or asking again after a denial."""
        slot.state = WAITING
        if client.offline:
            self.do_without(client, slot)
        elif self._runs_at_once(client):
            slot.running = True

    def _runs_at_once(self, client: Client) -> bool:
        own = self.groups.settings(client.number)
        return bool(own.clients.enforcement == "after-start" and own.workload.run_time_s > 0)

    def do_without(self, client: Client, slot: Slot) -> None:
        """The client is offline."""
        if self.groups.settings(client.number).clients.offline == "deny":
            self.give_up(slot)
            return
        self.ledger.count("unmetered_starts")
        slot.state, slot.running, slot.waits, slot.is_decided = UNMETERED, True, False, True

    def give_up(self, slot: Slot) -> None:
        self.ledger.count("gave_up")
        self.idle(slot)

    def idle(self, slot: Slot) -> None:
        slot.state, slot.running, slot.waits = IDLE, False, False

    def end(self, client: Client, slot: Slot, outcome: Outcome) -> None:
        """A program has run its time."""
        self.stop(client, slot, outcome)
        self.idle(slot)

    def crash(self, client: Client, slot: Slot, restarts: bool) -> None:
        """The client of a slot crashes, and nobody is told but the observer."""
        starts_again = restarts and (slot.running or slot.state == STARTS_AGAIN)
        server, slot.holds = slot.holds, None
        self.forget(client, slot)
        if server is not None:
            self.observer.tell(client, slot, server, is_orphan=True)
        self.abandon(client, slot)
        self.idle(slot)
        slot.state = STARTS_AGAIN if starts_again else IDLE

    def stop(self, client: Client, slot: Slot, outcome: Outcome) -> None:
        """A program neither runs nor waits for an answer any more; its lease is given back, or left behind."""
        slot.running = False
        self.forget(client, slot)
        asks_again = slot.awaits is not None and slot.awaits[0] == slot.holds and slot.reached
        self.abandon(client, slot)
        if slot.holds is not None:
            server, slot.holds = slot.holds, None
            if asks_again or not any(self._releases(row, slot, server) for row in outcome):
                self.observer.tell(client, slot, server)

    def forget(self, client: Client, slot: Slot) -> None:
        """Nobody waits for answers any more to what the slot has asked so far."""
        if slot.asked:
            self.observer.tell(client, slot, None, slot.asked)

    def _releases(self, row: Row, slot: Slot, server: int) -> bool:
        what = (row.kind, row.slot, row.program, row.target)
        return what == (kinds.RELEASE, slot.number, slot.program, self.first_server + server)

    def abandon(self, client: Client, slot: Slot) -> None:
        """Nobody waits for the answer to the last request any more."""
        if slot.awaits:
            (server, attempt), slot.awaits = slot.awaits, None
            if server != slot.holds:
                self.observer.tell(client, slot, server, attempt)

    def review(self, client: Client) -> None:
        """Carry what has changed over to the levels."""
        waiting = sum(slot.waits for slot in client.slots)
        unmetered = sum(slot.running and slot.holds is None for slot in client.slots)
        self.ledger.waits_more(waiting - client.waiting)
        unanswered = sum(slot.state == WAITING for slot in client.slots)
        self.ledger.runs_unmetered(unmetered - client.unmetered)
        self.ledger.unanswered.add(unanswered - client.unanswered)
        client.waiting, client.unmetered, client.unanswered = waiting, unmetered, unanswered
