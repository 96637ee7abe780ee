"""A world's time from real time: CLOCK_MONOTONIC, which all processes of a machine share, times a pace."""

import time
from typing import NamedTuple


class Clock(NamedTuple):
    """A world's time, ns from its start, as a machine's clock has it."""

    origin_ns: int  # CLOCK_MONOTONIC at the world's start
    pace: float = 1.0  # how many seconds of the world pass in one

    def now(self) -> int:
        """Return what time it is in the world, ns; less than 0 before its start."""
        return int((time.monotonic_ns() - self.origin_ns) * self.pace)

    def real_s(self, span_ns: float) -> float:
        """Return how many real seconds a span of the world's time takes."""
        return span_ns / self.pace / 1e9
