"""The axes of a sweep: what a key takes from point to point.

Written as a list, `["immediate", "full-jitter"]`, or as a text: `low:high:n` and `low:high:log n` are n numbers,
evenly spaced or by equal factors; `low:high` and `low:high:log` are a range, for designs that draw their points.
"""

import math
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import Any, NamedTuple, get_args

from .arms import NAMED
from .overrides import KEY_AND_VALUE, leaves, parse_override, plain
from .reference import all_keys
from .schema import Sweep
from .values import DesignName
from .wording import ScenarioError, one_of, refuse, show

DESIGNS: tuple[str, ...] = get_args(DesignName)
DRAWN = tuple(name for name in DESIGNS if name not in ("grid", "zip"))  # those that draw points

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER}):({NUMBER})(?::(log)?\s*(\d{{1,7}})?)?")
# Keys that are the same at all points, and those above and below them, and why.
FIXED = {
    **dict.fromkeys(("run.replications", "run.first_replication"), "all points share their replications"),
    "run.shards": "each world of a sweep runs in one process",
    **dict.fromkeys(("run.clock", "run.pace"), "all points share the clock"),
    **dict.fromkeys(("title", "article", "description"), "it changes nothing in a world"),
    **dict.fromkeys(("arms", "cases"), "all points have the same ones; vary what one sets: arms.NAME.KEY"),
    "sweep": "a sweep does not vary itself",
}
GRAMMAR = 'a list of values, "low:high:n", "low:high:log n", or, if points are drawn, "low:high" or "low:high:log"'


class Axis(NamedTuple):
    """A key and what it takes: its values, or, where there are none, any number in a range."""

    key: str
    values: tuple[Any, ...]
    low: float = math.nan
    high: float = math.nan
    is_log: bool = False
    is_whole: bool = False  # the key takes integers only

    def at(self, u: float) -> Any:
        """Return what stands at the share `u` of the axis, 0 <= u < 1."""
        if self.values:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        if not self.is_whole:
            return self._number(u)
        # Half a step more at either end, so that the first and the last integer have as much of it as the others.
        wide = self._replace(low=self.low - 0.5, high=self.high + 0.5)
        return min(max(round(wide._number(u)), int(self.low)), int(self.high))

    def spaced(self, n: int) -> tuple[Any, ...]:
        """Return n numbers from low to high, or as many as there are integers."""
        numbers = (self._number(k / (n - 1)) for k in range(n))
        return tuple(dict.fromkeys(map(round, numbers) if self.is_whole else numbers))

    def _number(self, u: float) -> float:
        inside = self.low * (self.high / self.low) ** u if self.is_log else self.low + u * (self.high - self.low)
        return min(max(inside, self.low), self.high) if u < 1 else self.high


def axes(sweep: Sweep) -> list[Axis]:
    """Return the axes of a sweep; raises ScenarioError with all that is wrong."""
    found, errors = _axes(sweep)
    if errors:
        raise ScenarioError(errors)
    return found


def with_axes(overrides: Mapping[str, object], vary: Mapping[str, object]) -> dict[str, object]:
    """Return overrides with these axes instead of those in the scenario's file, if any are given."""
    return {**overrides, "sweep.vary": dict(vary)} if vary else dict(overrides)


def refuse_both(sweep: Sweep, overrides: Mapping[str, object]) -> None:
    """Raise ScenarioError for a key that is set by an override and varied."""
    given = [leaf for key, value in overrides.items() for leaf in leaves(key, value)]
    both = [(varied, key) for varied, key in product(sweep.vary, given) if overlap(varied, key)]
    if both:
        raise ScenarioError(
            f"{key}: set to one value, and {varied} is varied; do one of them" for varied, key in both
        )


def wrong_axes(sweep: Sweep) -> list[str]:
    """Return all that is wrong with a sweep's table, as far as that shows without the rest of the scenario."""
    return _axes(sweep)[1]


def _axes(sweep: Sweep) -> tuple[list[Axis], list[str]]:
    found: list[Axis] = []
    errors = [*_wrong_samples(sweep), *_wrong_keys(sweep.vary)]
    for key, takes in sweep.vary.items():
        try:
            found.append(_axis(key, takes, sweep.design))
        except ScenarioError as error:
            errors += error.errors
    if sweep.design == "zip" and len({len(axis.values) for axis in found}) > 1 and not errors:
        counts = ", ".join(f"{axis.key} has {len(axis.values)}" for axis in found)
        errors.append(f"sweep.design: zip takes values of all axes together, so as many of each; here {counts}")
    return found, errors


def _wrong_samples(sweep: Sweep) -> Iterator[str]:
    if sweep.design in DRAWN and sweep.samples == 0:
        yield refuse("sweep.samples", 0, f"1 or more with design = {show(sweep.design)}: how many points to draw")
    if sweep.design not in DRAWN and sweep.samples:
        words = f"0 with design = {show(sweep.design)}; {one_of(DRAWN)} draw points"
        yield refuse("sweep.samples", sweep.samples, words)


def _wrong_keys(keys: Collection[str]) -> Iterator[str]:
    for key in keys:
        for fixed, why in FIXED.items():
            if overlap(key, fixed) and not NAMED.fullmatch(key):
                yield f"sweep.vary.{key}: may not be varied; {why}"
                break
    for key, other in combinations(keys, 2):
        if overlap(key, other):
            yield f"sweep.vary.{other}: varied by {key}, too; a key may be varied once"


def overlap(key: str, other: str) -> bool:
    """Whether two keys are the same, or one belongs to a table that the other names."""
    shorter, longer = sorted((f"{plain(key)}.", f"{plain(other)}."), key=len)
    return longer.startswith(shorter)


def parse_axis(text: str) -> tuple[str, Any]:
    """Return the key and what it takes of `KEY=a,b,c` or `KEY=low:high:n`; raises ScenarioError."""
    match = KEY_AND_VALUE.fullmatch(text)
    key, takes = (part.strip() for part in match.groups()) if match else ("", "")
    if not key or not takes:
        words = "write KEY=a,b,c or KEY=low:high:n, like clients.count=100,200"
        raise ScenarioError([f"{text}: not an axis; {words}"])
    if RANGE.fullmatch(takes):
        return key, takes
    try:
        parsed = tomllib.loads(f"values = [{takes}]")
    except (tomllib.TOMLDecodeError, RecursionError):
        parsed = {}
    if len(parsed) == 1:
        return key, parsed["values"]
    return key, [parse_override(f"{key}={part}")[1] for part in takes.split(",")]


def _axis(key: str, takes: Any, design: str) -> Axis:
    path = f"sweep.vary.{key}"
    if isinstance(takes, list | tuple) and takes:
        return Axis(key, _each_once(path, takes))
    match = RANGE.fullmatch(takes.strip()) if isinstance(takes, str) else None
    if not match:
        raise ScenarioError([refuse(path, takes, GRAMMAR)])
    low, high, is_log = float(match[1]), float(match[2]), match[3] is not None
    if not low < high < math.inf or (is_log and low <= 0):
        words = "low < high" + (", and low > 0 where steps are equal factors" if is_log else "")
        raise ScenarioError([refuse(path, takes, words)])
    is_whole = takes_integers(key)
    if is_whole and not (low.is_integer() and high.is_integer()):
        raise ScenarioError([refuse(path, takes, "from an integer to an integer, as the key takes no others")])
    ranged = Axis(key, (), low, high, is_log, is_whole)
    if match[4] is None:
        if design not in DRAWN:
            words = f"low:high:n where design = {show(design)}; {one_of(DRAWN)} draw points"
            raise ScenarioError([refuse(path, takes, words)])
        return ranged
    n = int(match[4])
    if n < 2:
        raise ScenarioError([refuse(path, takes, "n >= 2, the number of values")])
    return Axis(key, ranged.spaced(n))


def _each_once(path: str, values: Iterable[Any]) -> tuple[Any, ...]:
    kept: list[Any] = []
    for value in values:
        if any(type(value) is type(other) and value == other for other in kept):
            raise ScenarioError([refuse(path, value, "given once")])
        kept.append(value)
    return tuple(kept)


def takes_integers(key: str) -> bool:
    """Whether a key of a scenario takes integers only."""
    path = re.sub(r"^groups\..+\.(share|count)$", r"groups[].\1", re.sub(r"\.\d+\.", "[].", plain(key)))
    inside = bool(NAMED.fullmatch(key))  # one arm, case or group, whose name may have dots
    return any(
        known.allowed.startswith("an integer")
        and (path == known.path or (inside and path.endswith(f".{known.path}")))
        for known in all_keys()
    )
