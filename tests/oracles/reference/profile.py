"""The day profile of launch rates."""

import math


class Profile:
    """The day profile: launch rates times a factor, linear between points; hour 0 ends the warm-up."""

    def __init__(self, points: list, origin: float):
        self.origin = origin
        self.points = [(3600.0 * hour, float(factor)) for hour, factor in points]
        if self.points and self.points[0][0] > 0:  # CHOICE: up to the first point, from the last one's value
            self.points.insert(0, (0.0, self.points[-1][1]))
        self.period = self.points[-1][0] if self.points else 0.0
        pairs = zip(self.points, self.points[1:], strict=False)
        self.area = sum((b - a) * (fa + fb) / 2 for (a, fa), (b, fb) in pairs)

    def later(self, time: float, work: float) -> float:
        """The time at which the factor's integral from `time` reaches `work`."""
        if self.period == 0:
            factor = self.points[-1][1] if self.points else 1.0
            return time + work / factor if factor else math.inf
        if self.area == 0:
            return math.inf
        position = (time - self.origin) % self.period
        whole, work = divmod(work, self.area)
        time += whole * self.period
        while True:
            for (a, fa), (b, fb) in zip(self.points, self.points[1:], strict=False):
                if not a <= position < b:
                    continue
                slope, length = (fb - fa) / (b - a), b - position
                rate = fa + slope * (position - a)
                area = rate * length + slope * length**2 / 2
                if area >= work:
                    root = math.sqrt(max(0.0, rate**2 + 2 * slope * work))
                    return time + (2 * work / (rate + root) if work else 0.0)
                work, time, position = work - area, time + length, b
            position = 0.0
