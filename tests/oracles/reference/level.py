"""Quantities over time."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.world import World


class Level:
    """A quantity that changes in steps: its integral and its peak since the last restart."""

    def __init__(self, world: "World", value: float = 0.0):
        self.world, self.value = world, value
        self.restart()

    def set(self, value: float) -> None:
        self.area += self.value * (self.world.now - self.since)
        self.since = self.world.now
        self.value = value
        self.peak = max(self.peak, value)

    def add(self, change: float) -> None:
        self.set(self.value + change)

    def restart(self) -> None:
        self.area, self.since, self.peak = 0.0, self.world.now, self.value
