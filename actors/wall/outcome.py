"""The results of a wall-clock run's processes, put together as those of one world."""

from collections.abc import Iterator
from typing import NamedTuple

from ..engine.invariants import InvariantViolation
from ..shards.tally import Tally, merge
from .books import unexplained
from .measures import LATE_NS, Histogram, NodeMeasures
from .node import Outcome

LATE_SHARE = 0.01  # of a process's events may be late before the run counts as one that fell behind
SHOWN = 3


class Measures(NamedTuple):
    """What was measured of a run in real time."""

    pace: float
    real_s: float  # that the measured time took
    nodes: tuple[NodeMeasures, ...]  # servers, then shards of clients
    servers: int
    strikes: int  # kills and stops of processes
    strikes_late_s: float  # real time by which the latest of them came after its time

    @property
    def round_trips(self) -> Histogram:
        """Return the round trips of all requests, ns of the world's time."""
        return _merged(node.round_trips for node in self.nodes)

    @property
    def lateness(self) -> Histogram:
        """Return how late all events were, ns of real time."""
        return _merged(node.lateness.histogram for node in self.nodes)

    @property
    def late_share(self) -> float:
        """Return the share of events that were late."""
        return sum(node.lateness.late for node in self.nodes) / max(1, sum(n.lateness.events for n in self.nodes))

    def cpu_s(self, of_servers: bool) -> tuple[float, ...]:
        """Return the CPU time of all servers, or of all clients, by phase."""
        nodes = self.nodes[: self.servers] if of_servers else self.nodes[self.servers :]
        return tuple(map(sum, zip(*(node.cpu_s for node in nodes), strict=True)))

    def attempts(self) -> tuple[int, ...]:
        """Return the attempts of all clients, by phase."""
        return tuple(map(sum, zip(*(node.attempts for node in self.nodes), strict=True)))

    @property
    def phases_s(self) -> tuple[float, ...]:
        """Return the real time that each phase took."""
        return tuple(length_s / self.pace for length_s in self.nodes[0].phases_s)

    @property
    def late_ns_mean(self) -> float:
        """Return by how much messages came after their time on average, those in time included: the world's ns."""
        return sum(node.late_ns for node in self.nodes) / max(1, sum(node.messages for node in self.nodes))

    def name(self, node: int) -> str:
        """Return what a process is."""
        return f"server {node}" if node < self.servers else f"shard {node - self.servers} of clients"

    def behind(self) -> Iterator[str]:
        """Yield a line for each process that fell behind."""
        for number, node in enumerate(self.nodes):
            late = node.lateness
            if late.events and late.late > LATE_SHARE * late.events:
                share, worst_s = late.late / late.events, late.histogram.largest / 1e9
                yield (
                    f"the wall clock: {self.name(number)} fell behind: {share:.1%} of its events came more than "
                    f"{LATE_NS / 1e6:g} ms late, the latest by {worst_s:.3g} s; slow it down with --pace, or "
                    "give it more cores"
                )


def world_of(outcomes: list[Outcome]) -> Tally:
    """Return the tally of a world; raises InvariantViolation if its books do not add up.

    Each server's process knows the licenses of its site's others as these have told; those of the first one stand.
    """
    wrong = unexplained([one.books for one in outcomes])
    if wrong:
        shown = "; ".join(wrong[:SHOWN]) + ("; ..." if len(wrong) > SHOWN else "")
        raise InvariantViolation(f"{len(wrong)} programs run under leases that no server has or has lost: {shown}")
    tally = merge([one.tally for one in outcomes])
    tally.products = outcomes[0].tally.products
    for one in outcomes:
        for server, messages in one.measures.refused.items():
            tally.servers["refused"][server] += messages
    return tally


def _merged(histograms: Iterator[Histogram]) -> Histogram:
    found = Histogram()
    for one in histograms:
        found.merge(one)
    return found
