"""Time, and what has a value over time."""

from dataclasses import dataclass

SECOND = 1_000_000_000
MICROSECOND = 1_000


def ns(seconds: float) -> int:
    return round(seconds * SECOND)


@dataclass
class Clock:
    """The measured time, ns, and now."""

    start: int
    end: int
    now: int = 0

    @property
    def measuring(self) -> bool:
        return self.now >= self.start

    @property
    def instant(self) -> int:
        """Now, within the measured time, in whole microseconds."""
        return max(self.now, self.start) // MICROSECOND


class Level:
    """A number of things that changes in steps."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.value, self.area = clock, 0, 0

    def set(self, value: int) -> None:
        self.area += (self.value - value) * self.clock.instant
        self.value = value

    def add(self, change: int) -> None:
        self.set(self.value + change)

    def total_us(self) -> int:
        """The area under the level over the measured time, which is over."""
        return self.area + self.value * (self.clock.end // MICROSECOND)


class SampledLevel(Level):
    """A level whose value at the end of each sample is kept, too: sample -1 is the warm-up."""

    def __init__(self, clock: Clock, sample_ns: int) -> None:
        super().__init__(clock)
        self.sample_ns = sample_ns
        self.at_end: list[int] = []  # of each sample that is over

    def set(self, value: int) -> None:
        self.close_samples(self.clock.now)
        super().set(value)

    def close_samples(self, now: int) -> None:
        """Note the value for samples that end at `now` or before."""
        while self.clock.start + len(self.at_end) * self.sample_ns <= now:
            self.at_end.append(self.value)

    def in_sample(self, n: int) -> int:
        """The value at the end of a sample that is over."""
        return self.at_end[n + 1]


class Distance:
    """The imbalance of one product over time."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.value, self.since, self.area, self.worst = clock, 0.0, clock.start, 0.0, 0.0

    def set(self, value: float) -> None:
        if self.clock.measuring:
            self.area += self.value * (self.clock.now - self.since)
            self.since = self.clock.now
            self.worst = max(self.worst, self.value, value)
        self.value = value
