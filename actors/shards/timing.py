"""What shards do with their wall time: compute, exchange, wait for each other."""

from collections.abc import Sequence
from typing import NamedTuple


class ShardTiming(NamedTuple):
    """How many windows shards went through, and what they did in that wall time, summed over shards."""

    windows: int
    computing_s: float
    exchanging_s: float
    waiting_s: float

    @property
    def total_s(self) -> float:
        """All that time."""
        return self.computing_s + self.exchanging_s + self.waiting_s

    def shares(self, shards: int) -> dict[str, float]:
        """Return windows, windows a second, and how the time of `shards` shards was shared."""
        return {
            "windows": self.windows // shards,
            "windows_per_s": self.windows / self.total_s,
            "computing": self.computing_s / self.total_s,
            "exchanging": self.exchanging_s / self.total_s,
            "waiting": self.waiting_s / self.total_s,
        }


def sum_of(timings: Sequence[ShardTiming]) -> ShardTiming:
    """Return the sum of several shards', or worlds', timings."""
    return ShardTiming(*map(sum, zip(*timings, strict=True)))
