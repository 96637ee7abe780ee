"""What a client does when its server does not serve it."""

from typing import TYPE_CHECKING

from oracles.reference.items import ELSEWHERE, REPEATED, WAITING, Item
from oracles.reference.messages import OVERLOADED
from oracles.reference.policies import FAIL_OVER, OFFLINE, RETRY, next_server, on_failure

if TYPE_CHECKING:
    from oracles.reference.link import Link
    from oracles.reference.program import Program
    from oracles.reference.server import Server


class Failures:
    """Retry, fail over, go offline or give up, as the policy says."""

    def __init__(self, link: "Link"):
        self.link, self.client, self.world = link, link.client, link.world
        self.tries_here = 0
        self.stream = self.world.stream("policy", self.client.number)

    def failed(self, kind: str) -> None:
        link = self.link
        item, link.in_flight = link.in_flight, None
        self.world.measures.counts[kind] += 1
        self.tries_here += 1
        item.failures += 1
        self.world.measures.note_failure(self.client)
        if kind != OVERLOADED and self.tries_here == 1:
            self.client.releases.owe(link.server)  # releases sent of late may not have arrived
        link.online = False
        self.act(item)
        link.turn()

    def act(self, item: Item) -> None:
        policy = self.client.scenario["policies"]["failover"]
        action, seconds = on_failure(policy, self.tries_here, item.failures, self.stream)
        if action == RETRY:
            self.retry(item, seconds)
        elif action == FAIL_OVER:
            if item.program is not None and item.wanted:  # a heartbeat that failed is not repeated
                item.rank = WAITING if item.program.lease is None else ELSEWHERE
                self.link.waiting.append(item)
            self.fail_over()
        elif action == OFFLINE:
            self.go_offline(item, seconds)
        else:
            self.link.online = True
            if item.program is not None and item.wanted:
                self.client.user.give_up(item.program)

    def retry(self, item: Item, seconds: float) -> None:
        if item.wanted:
            item.rank = REPEATED
            self.link.waiting.append(item)
        self.link.pause(seconds)

    def fail_over(self) -> None:
        link, count = self.link, len(self.world.servers)
        selection = self.client.scenario["policies"]["selection"]
        server = self.world.servers[next_server(selection, link.server.number, count, self.stream)]
        # CHOICE: a heartbeat that waits is dropped like one that failed
        link.waiting = [item for item in link.waiting if item.program is not None]
        if server is link.server:
            return  # CHOICE: the only server there is; not a change of server, and tries_here goes on
        self.world.measures.counts["failovers"] += 1
        self.change_server(server, self.client.settings["rerequest"])

    def change_server(self, server: "Server", all_move: bool, is_own_wish: bool = False) -> None:
        link = self.link
        link.connection.close()
        link.server = server
        self.tries_here = 0
        items = {item.program: item for item in link.waiting if item.program is not None}
        for item in link.waiting:
            item.rank = WAITING
        for program in self.client.programs:
            self.client.releases.abandon(program)
            program.tells_old_server = False
            self.ask_elsewhere(program, server, items, all_move, is_own_wish)
        link.waiting = list(items.values())
        self.client.user.ask_anew()
        self.client.failback.settle()

    def ask_elsewhere(
        self,
        program: "Program",
        server: "Server",
        items: "dict[Program, Item]",
        all_move: bool,
        is_own_wish: bool,
    ) -> None:
        """Request at the new server what runs under a lease of another one."""
        if program.lease is None:
            return
        if program.lease.server is server or not all_move:  # back where it came from, or it stays where it is
            items.pop(program, None)
            return
        items.setdefault(program, Item(program.order, program)).rank = ELSEWHERE
        program.tells_old_server = is_own_wish
        self.world.measures.counts["programs_moved"] += is_own_wish

    def go_offline(self, failed: Item, seconds: float) -> None:
        self.world.measures.counts["offline_spells"] += 1
        self.link.offline = True
        items, self.link.waiting = sorted([*self.link.waiting, failed], key=lambda item: item.order), []
        for program in self.client.programs:
            self.client.releases.abandon(program)
        unanswered = [
            item.program for item in items if item.program and item.wanted and item.program.lease is None
        ]
        for program in sorted(unanswered, key=lambda program: program.slot):  # CHOICE: ties of their ends, too
            self.client.user.without_answer(program)
        self.link.spells += 1
        self.world.after(seconds, self.come_back, self.link.spells)

    def come_back(self, spell: int) -> None:
        """CHOICE: tries_here is as it was: only a good answer resets it."""
        if spell != self.link.spells:
            return
        self.link.offline = False
        running = [program for program in self.client.programs if program.running]
        self.link.waiting = [Item(p.order, p, WAITING if p.lease is None else ELSEWHERE) for p in running]
        self.client.user.ask_anew()
        self.link.turn()
