"""What runs inside a Ray actor of a wall-clock run: a server alone, or a shard of clients."""

import os

from ..setup.scenario import Scenario
from ..wall.clock import Clock
from ..wall.node import Node, Outcome, Position


class WallHost:
    """One process of a run."""

    def __init__(self) -> None:
        self.node: Node | None = None

    def prepare(self, scenario: Scenario, replication: int, position: Position) -> int:
        """Build its part of the world, or what takes its place when it is killed; return the process's number."""
        self.node = Node(scenario, replication, position)
        return os.getpid()

    def meet(self) -> None:
        """Return when the connections to all others are there."""
        assert self.node is not None
        self.node.meet()

    def run(self, clock: Clock) -> Outcome:
        """Go through the world as the clock does; raises TransportError, InvariantViolation, PolicyError."""
        assert self.node is not None
        return self.node.run(clock)

    def take_over(self, until: int, clock: Clock) -> Outcome:
        """Go on from where a killed process was, `until`."""
        assert self.node is not None
        self.node.take_over(until)
        return self.node.run(clock)
