"""The books of links: what each client has asked, and what became of it."""

from typing import Any

from meterstorm.actors.records import journal
from meterstorm.actors.state import kinds
from meterstorm.policies.denial import ASK_NEXT, AWAIT_CALLBACK
from meterstorm.policies.failover import BEFORE_REQUEST, GIVE_UP, GO_OFFLINE

from oracles.recount.client import DENIED, METERED, WAITING, Client, Slot
from oracles.recount.clock import ns
from oracles.recount.connections import Connections
from oracles.recount.leases import Key, Leases
from oracles.recount.ledger import Ledger
from oracles.recount.observer import Observer
from oracles.recount.record import Outcome, Row
from oracles.recount.users import Users


class Links:
    """All clients' links."""

    def __init__(
        self,
        scenario: Any,
        ledger: Ledger,
        observer: Observer,
        leases: Leases,
        users: Users,
        connections: Connections,
    ) -> None:
        self.ledger, self.observer, self.leases, self.users = ledger, observer, leases, users
        self.connections, self.faults, self.groups = connections, connections.faults, users.groups
        self.first_server = scenario.clients.count
        self.restarts = [getattr(fault, "restart", "none") == "all" for fault in scenario.faults]

    def handle(self, client: Client, event: Row, outcome: Outcome) -> None:
        """Enter an event of a client, and what the client did then."""
        if event.kind in {kinds.CLIENT_CRASH, kinds.CLIENT_BACK}:
            self._went_down(client, event)
        elif client.down and event.kind != kinds.LAUNCH:
            pass  # it hears nothing
        elif event.kind == kinds.RELAUNCH:
            self.users.relaunch(client, event)
        elif event.kind == kinds.LAUNCH:
            self.users.launch(client, event)
        elif event.kind == kinds.END:
            self.users.end(client, client.slots[event.slot], outcome)
        elif event.kind == kinds.LINK_TIMER:
            self._timer(client)
        elif event.kind == kinds.ASK_AGAIN:
            self.users.want(client, client.slots[event.slot])
        elif event.kind == kinds.CALLBACK:
            self._called(client, event)
        elif event.kind == kinds.CONNECTION_RESET:
            if self.connections.is_reset(client, event.program):
                client.flight = None
        elif event.kind == kinds.CONNECTION_SILENT:
            if self.connections.is_silent(client, event.program):
                client.flight = None
                self.ledger.count("timeouts", sum(row.what == journal.DECIDED for row in outcome))
        elif event.kind not in {kinds.KEPT_ACK, kinds.CONNECT_AGAIN} and event.attempt == client.flight:
            self._answered(client, event, outcome)
        elif event.kind == kinds.CONNECTED:
            self.connections.came_late(client, event)
        for row in outcome:
            self._did(client, row, event)
        self.connections.check(client)
        self.users.review(client)

    def _own(self, client: Client) -> Any:
        """The settings of a client."""
        return self.groups.settings(client.number).clients

    def _went_down(self, client: Client, event: Row) -> None:
        """A crash, or its end."""
        client.down = event.kind == kinds.CLIENT_CRASH
        if client.down:
            self.ledger.count("client_crashes")
            restarts = self.restarts[event.program]
            for slot in client.slots:
                self.users.crash(client, slot, restarts)
            client.flight, client.server, client.offline = None, None, False
            self.connections.lost(client)

    def _did(self, client: Client, row: Row, event: Row) -> None:
        if row.what == journal.MOVED:
            self._moved(client, row)
        elif row.what == journal.DECIDED:
            self._decided(client, row)
        elif row.kind == kinds.REQUEST:
            self._asked(client, row)
        elif row.kind == kinds.CONNECT:
            self.connections.asked(client, row, event)
        elif row.kind == kinds.DISCONNECT:
            self.connections.closed(client, row)
        elif row.kind == kinds.HEARTBEAT:
            self.connections.must_be_there(client, row)
            client.flight = row.attempt
        elif row.kind == kinds.PROBE:
            self.ledger.count("probes")
        elif row.kind == kinds.RELEASE and row.what == journal.LOST:
            server = row.target - self.first_server
            self.observer.tell_lost_release(row.source, row.slot, row.program, server)

    def _asked(self, client: Client, row: Row) -> None:
        slot, server = client.slots[row.slot], row.target - self.first_server
        self.connections.must_be_there(client, row)
        self.ledger.count_attempt()
        is_again = slot.awaits is not None and slot.awaits[0] == server
        slot.reached = row.what == journal.SENT or (is_again and slot.reached)
        if is_again:
            self.ledger.count("retries")
        slot.program, slot.awaits, slot.asked = row.program, (server, row.attempt), row.attempt
        client.flight, client.server = row.attempt, server

    def _timer(self, client: Client) -> None:
        if client.flight is not None:
            self.ledger.count("timeouts")
            client.flight = None
        elif client.offline:
            client.offline = False
            self._ask_anew(client)

    def _ask_anew(self, client: Client) -> None:
        """At another server, or back from offline, nobody waits for a callback."""
        for slot in client.slots:
            if slot.state == DENIED and slot.is_called:
                self.users.want(client, slot)

    def _called(self, client: Client, event: Row) -> None:
        slot = client.slots[event.slot]
        is_his = event.source - self.first_server == client.server and slot.program == event.program
        if slot.state == DENIED and slot.is_called and is_his and not client.offline:
            self.users.want(client, slot)

    def _answered(self, client: Client, event: Row, outcome: Outcome) -> None:
        client.flight = None
        slot = client.slots[event.slot]
        if event.kind == kinds.REFUSED:
            self.ledger.count("refusals")
        elif event.kind == kinds.OVERLOADED:
            self.ledger.count("overloaded")
        elif event.kind == kinds.CONNECTED:
            self.connections.made(client, event)
        else:
            self._served(client)
        if event.kind == kinds.ACK and self._own(client).on_lost_lease == "stop":
            self._stop_lost(client, event.value, outcome)
        if event.kind in {kinds.GRANT, kinds.DENY} and slot.awaits and slot.program == event.program:
            server, slot.awaits = slot.awaits[0], None
            if event.kind == kinds.GRANT:
                self._granted(client, slot, Key(event.target, event.slot, event.program, server), event.attempt)
            else:
                self._denied(client, slot, outcome)

    def _stop_lost(self, client: Client, lost: int, outcome: Outcome) -> None:
        """Programs whose lease the client's server does not know."""
        for slot in client.slots:
            if lost >> slot.number & 1 and slot.holds is not None and slot.holds == client.server:
                self.ledger.count("evictions")
                self.users.end(client, slot, outcome)

    def _granted(self, client: Client, slot: Slot, key: Key, attempt: int) -> None:
        self.ledger.count("grants")
        if slot.holds == key.server:
            return
        if not slot.is_decided:
            self.ledger.waited(slot.launched)
        if slot.holds is not None:
            self.ledger.count("double_grants")
            self.observer.tell(client, slot, slot.holds, slot.asked)
        slot.state, slot.running, slot.waits, slot.is_decided = METERED, True, False, True
        slot.holds = key.server
        self.observer.tell_taken(key, attempt)

    def _denied(self, client: Client, slot: Slot, outcome: Outcome) -> None:
        if slot.holds is not None:
            self.ledger.count("evictions")
        action = next((row.kind for row in outcome if self._is_reaction(row)), GIVE_UP)
        if action == ASK_NEXT:
            self.users.forget(client, slot)  # who is told nothing yet
            return
        if action == GIVE_UP and not slot.is_decided:
            self.ledger.waited(slot.launched)
        self.users.stop(client, slot, outcome)
        if action == GIVE_UP:
            self.users.idle(slot)
        else:
            slot.state, slot.waits, slot.is_called = DENIED, True, action == AWAIT_CALLBACK

    def _is_reaction(self, row: Row) -> bool:
        return row.what == journal.DECIDED and row.value == journal.DENIAL

    def _hit(self, client: Client) -> None:
        """A failure, for which a fault may be the reason."""
        first, last = self.faults.first_start, self.faults.last_end
        timeout_ns = ns(self._own(client).request_timeout_s)
        if first is not None and last is not None and first <= self.ledger.clock.now <= last + timeout_ns:
            self.ledger.hit += not client.is_hit
            client.is_hit = True

    def _served(self, client: Client) -> None:
        """A good answer."""
        if client.is_hit:
            client.is_hit = False
            self.ledger.hit -= 1
            self.ledger.served_again = self.ledger.clock.now

    def _decided(self, client: Client, row: Row) -> None:
        """What a policy decided after a failure, or before a request; about a denial, `_denied` has seen to it."""
        if row.value == journal.DENIAL:
            return
        if row.value != BEFORE_REQUEST:
            self._hit(client)
        if row.kind == GO_OFFLINE:
            self._went_offline(client)
        elif row.kind == GIVE_UP and row.slot >= 0:
            self._gave_up(client, client.slots[row.slot], row.value == BEFORE_REQUEST)

    def _gave_up(self, client: Client, slot: Slot, is_unsent: bool) -> None:
        if not (self._asks(client, slot) or is_unsent):
            return
        self.users.abandon(client, slot)
        if slot.state == WAITING:
            self.users.give_up(slot)

    def _asks(self, client: Client, slot: Slot) -> bool:
        """Whether a slot's program waits for an answer, or for the connection that it needs."""
        return slot.awaits is not None or client.connects_for == (slot.number, slot.program)

    def _went_offline(self, client: Client) -> None:
        self.ledger.count("offline_spells")
        client.offline = True
        for slot in client.slots:
            self.users.abandon(client, slot)
            if slot.state == WAITING:
                self.users.do_without(client, slot)

    def _moved(self, client: Client, row: Row) -> None:
        client.server = row.target - self.first_server
        self.connections.lost(client)
        if row.value:
            self._came_back(client)
        else:
            self.ledger.count("failovers")
        for slot in client.slots:
            self.users.abandon(client, slot)
        self._ask_anew(client)

    def _came_back(self, client: Client) -> None:
        """A client has moved without a failure: nothing is in flight any more."""
        self.ledger.count("failbacks")
        client.flight = None
        if self._own(client).failback_moves == "all":
            elsewhere = [slot for slot in client.slots if slot.holds not in {None, client.server}]
            self.ledger.count("programs_moved", len(elsewhere))
