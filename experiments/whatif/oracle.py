"""The exact oracle: a request is granted if and only if in use + asked for <= licenses, and nothing takes time.

It is the model's special case of one server without latency, service times and faults, for recorded launches.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

from .demand import Launch

LOGGED, GIVE_UP, RETRY, CALLBACK = DENIALS = ("as-logged", "give-up", "constant-retry", "callback")
SHORTEST_S = 1e-8  # of patience: less is a rounding error
_END, _OWN, _ASK = range(3)  # what happens at one instant, in this order


class Rules(NamedTuple):
    """What the oracle is told to suppose."""

    owned: Sequence[tuple[float, float]]  # since when there are how many licenses
    denial: str = LOGGED  # what a denied user does
    delay_s: float = 60.0  # until a user asks again, of constant-retry
    patience_s: float = math.inf  # since the first denial
    cap: int = 0  # most licenses of a user; 0: any number
    timeout_s: float = math.inf  # licenses are taken back after this time


class Fate(NamedTuple):
    """What became of a launch."""

    denials: int
    granted_s: float  # infinite: never


def constant(licenses: float) -> list[tuple[float, float]]:
    """Return the steps of a pool whose number of licenses never changes."""
    return [(-math.inf, licenses)]


def replay(launches: Sequence[Launch], rules: Rules) -> tuple[list[Fate], float]:
    """Return the fate of each launch, and the most licenses that were in use."""
    pool = _Pool(launches, rules)
    while pool.events:
        time_s, what, n, amount = heapq.heappop(pool.events)
        pool.steps[what](time_s, n, amount)
    return [Fate(*fate) for fate in zip(pool.denials, pool.granted_s, strict=True)], pool.most


class _Pool:
    def __init__(self, launches: Sequence[Launch], rules: Rules) -> None:
        self._launches, self._rules = launches, rules
        self._licenses = self._in_use = self.most = 0.0
        self._of_user: Counter[str] = Counter()
        self._line: deque[int] = deque()  # of users who wait to be called back
        self.denials = [0] * len(launches)
        self.granted_s = [math.inf] * len(launches)
        self.steps = {_END: self._end, _OWN: self._own, _ASK: self._ask}
        self.events = [(launch.attempts_s[0], _ASK, n, 0.0) for n, launch in enumerate(launches)]
        self.events += [(from_s, _OWN, 0, licenses) for from_s, licenses in rules.owned]
        heapq.heapify(self.events)

    def _own(self, time_s: float, _: int, licenses: float) -> None:
        self._licenses = licenses
        self._serve(time_s)

    def _end(self, time_s: float, n: int, _: float) -> None:
        launch = self._launches[n]
        self._in_use -= launch.licenses
        self._of_user[launch.user] -= launch.licenses
        self._serve(time_s)

    def _ask(self, time_s: float, n: int, _: float) -> None:
        if self._has_room(n):
            self._grant(time_s, n)
            return
        self.denials[n] += 1
        if self._rules.denial == CALLBACK:
            self._line.append(n)
        elif (again_s := self._again(time_s, n)) is not None:
            heapq.heappush(self.events, (again_s, _ASK, n, 0.0))

    def _serve(self, time_s: float) -> None:
        """Call users back in the order of their denials: none ahead of one who waits for more."""
        while self._line and self._has_room(self._line[0]):
            self._grant(time_s, self._line.popleft())

    def _has_room(self, n: int) -> bool:
        launch, cap = self._launches[n], self._rules.cap
        own = self._of_user[launch.user] + launch.licenses
        return self._in_use + launch.licenses <= self._licenses and (cap == 0 or own <= cap)

    def _grant(self, time_s: float, n: int) -> None:
        launch = self._launches[n]
        self._in_use += launch.licenses
        self._of_user[launch.user] += launch.licenses
        self.most = max(self.most, self._in_use)
        self.granted_s[n] = time_s
        end_s = time_s + min(launch.hold_s, self._rules.timeout_s)
        heapq.heappush(self.events, (end_s, _END, n, 0.0))

    def _again(self, time_s: float, n: int) -> float | None:
        """Return when a denied user asks again, None for never."""
        first_s, rules = self._launches[n].attempts_s[0], self._rules
        if rules.denial == LOGGED:
            made = self._launches[n].attempts_s
            return made[self.denials[n]] if self.denials[n] < len(made) else None
        left_s = first_s + rules.patience_s - time_s  # the last try is when patience is at its end
        if rules.denial != RETRY or left_s < SHORTEST_S:
            return None
        return time_s + min(rules.delay_s, left_s)
