"""Which faults hold where and when."""

import math
from collections.abc import Iterable
from typing import Any

from oracles.recount.clock import ns
from oracles.recount.groups import some_clients


class Faults:
    """The faults of a scenario by server, each with its first and its last instant.

    Those that are drawn are taken from `record`, the (entry, server, begin, end) of a run's faults; so is when
    clients crash first, and when the last one is back.
    """

    def __init__(self, scenario: Any, start: int, record: Iterable[tuple[int, int, int, int]]) -> None:
        self.cut = {id(one): some_clients(one.clients, scenario) for one in scenario.faults if one.kind == "cut"}
        self.spells: list[list[tuple[int, int, Any]]] = [[] for _ in range(scenario.servers.count)]
        crashes: list[tuple[int, int]] = []  # of clients: from the first to the last end
        for fault in scenario.faults:
            if fault.kind != "client-crash" and fault.mtbf_s == fault.mttr_s == 0:
                self.plan(fault, start, scenario.servers.count)
        for entry, server, begin, end in record:
            fault = scenario.faults[entry]
            if fault.kind == "client-crash":
                crashes.append((begin, end))
            elif fault.mtbf_s > 0 or fault.mttr_s > 0:
                self.spells[server].append((begin, end, fault))
        bounds = crashes + [spell[:2] for spells in self.spells for spell in spells]
        self.quorum, self.members = scenario.servers.quorum, scenario.servers.count // scenario.servers.sites
        self.first_start = min((begin for begin, _ in bounds), default=None)
        self.last_end = max((end for _, end in bounds), default=None)

    def plan(self, fault: Any, start: int, count: int) -> None:
        for n in range(fault.repeats if fault.repeat_s > 0 else 1):
            for place, server in enumerate(self.servers(fault, count)):
                begin = start + ns(fault.start_s + place * fault.stagger_s + n * fault.repeat_s)
                self.spells[server].append((begin, begin + ns(fault.duration_s), fault))

    @staticmethod
    def servers(fault: Any, count: int) -> Iterable[int]:
        if fault.servers == "all":
            return range(count)
        if hasattr(fault.servers, "fraction"):
            return range(math.ceil(fault.servers.fraction * count - 1e-9))
        return fault.servers

    def holding(self, server: int, time: int) -> list[Any]:
        return [fault for begin, end, fault in self.spells[server] if begin <= time < end]

    def is_crashed(self, server: int, time: int) -> bool:
        return any(fault.kind == "crash" for fault in self.holding(server, time))

    def since_crash(self, server: int, time: int) -> float:
        """How long ago the latest crash was over, ns; infinite without any."""
        ends = [end for _, end, fault in self.spells[server] if fault.kind == "crash" and end <= time]
        return time - max(ends, default=-math.inf)

    def is_stalled(self, server: int, time: int) -> bool:
        return any(fault.kind == "stall" for fault in self.holding(server, time))

    def refuses(self, server: int, time: int) -> bool:
        found = any(fault.kind in {"crash", "refusing"} for fault in self.holding(server, time))
        return found or self.lacks_quorum(server, time)

    def lacks_quorum(self, server: int, time: int) -> bool:
        """Whether too few servers of its site are up."""
        first = server // self.members * self.members
        here = range(first, first + self.members) if self.quorum else ()
        away = sum(any(one.kind in {"crash", "unreachable"} for one in self.holding(s, time)) for s in here)
        return self.quorum > 0 and self.members - away < self.quorum

    def cuts_off(self, fault: Any, client: int) -> bool:
        return fault.kind == "cut" and client in self.cut[id(fault)]

    def is_reachable(self, server: int, client: int, time: int) -> bool:
        """Whether a client could be served there."""
        return not self.lacks_quorum(server, time) and not any(
            fault.kind in {"crash", "refusing", "unreachable", "stall"} or self.cuts_off(fault, client)
            for fault in self.holding(server, time)
        )
