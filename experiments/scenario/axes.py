"""The axes of a sweep: what a key takes from point to point.

Written as a list, `["immediate", "full-jitter"]`, or as a text: `low:high:n` and `low:high:log n` are n numbers,
evenly spaced or by equal factors; `low:high` and `low:high:log` are a range, for designs that draw their points.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .overrides import parse_override
from .reference import all_keys
from .schema import Sweep
from .wording import ScenarioError, one_of, refuse, show

DRAWN = ("sobol", "lhs", "random", "saltelli")  # designs that draw points
DESIGNS = ("grid", "zip", *DRAWN)

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER}):({NUMBER})(?::(log)?\s*(\d{{1,7}})?)?")
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
        return self._number(u)

    def _number(self, u: float) -> float | int:
        inside = self.low * (self.high / self.low) ** u if self.is_log else self.low + u * (self.high - self.low)
        return round(inside) if self.is_whole else min(max(inside, self.low), self.high)


def axes(sweep: Sweep) -> list[Axis]:
    """Return the axes of a sweep; raises ScenarioError with all that is wrong."""
    found, errors = _axes(sweep)
    if errors:
        raise ScenarioError(errors)
    return found


def with_axes(overrides: Mapping[str, object], vary: Mapping[str, object]) -> dict[str, object]:
    """Return overrides with axes in place of those of the scenario's file, if any are given; or ScenarioError."""
    both = [f"{key}: set to one value and varied; do one of them" for key in vary if key in overrides]
    if both:
        raise ScenarioError(both)
    return {**overrides, "sweep.vary": dict(vary)} if vary else dict(overrides)


def wrong_axes(sweep: Sweep) -> list[str]:
    """Return all that is wrong with a sweep's table, as far as that shows without the rest of the scenario."""
    return _axes(sweep)[1]


def _axes(sweep: Sweep) -> tuple[list[Axis], list[str]]:
    found: list[Axis] = []
    errors = list(_wrong_samples(sweep))
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


def parse_axis(text: str) -> tuple[str, Any]:
    """Return the key and what it takes of `KEY=a,b,c` or `KEY=low:high:n`; raises ScenarioError."""
    key, equals, takes = text.partition("=")
    if not equals or not key.strip() or not takes.strip():
        words = "write KEY=a,b,c or KEY=low:high:n, like clients.count=100,200"
        raise ScenarioError([f"{text}: not an axis; {words}"])
    if RANGE.fullmatch(takes.strip()):
        return key.strip(), takes.strip()
    try:
        return key.strip(), tomllib.loads(f"values = [{takes}]")["values"]
    except tomllib.TOMLDecodeError:
        return key.strip(), [parse_override(f"value={part}")[1] for part in takes.split(",")]


def _axis(key: str, takes: Any, design: str) -> Axis:
    path = f"sweep.vary.{key}"
    if isinstance(takes, list | tuple) and takes:
        return Axis(key, _each_once(path, takes))
    match = RANGE.fullmatch(takes.strip()) if isinstance(takes, str) else None
    if not match:
        raise ScenarioError([refuse(path, takes, GRAMMAR)])
    low, high, is_log = float(match[1]), float(match[2]), match[3] is not None
    if not low < high or (is_log and low <= 0):
        words = "low < high" + (", and low > 0 where steps are equal factors" if is_log else "")
        raise ScenarioError([refuse(path, takes, words)])
    whole = takes_integers(key)
    ranged = Axis(key, (), low, high, is_log, whole)
    if match[4] is None:
        if design not in DRAWN:
            words = f"low:high:n where design = {show(design)}; {one_of(DRAWN)} draw points"
            raise ScenarioError([refuse(path, takes, words)])
        return ranged
    n = int(match[4])
    if n < 2:
        raise ScenarioError([refuse(path, takes, "n >= 2, the number of values")])
    return Axis(key, tuple(dict.fromkeys(ranged._number(k / (n - 1)) for k in range(n))))


def _each_once(path: str, values: Iterable[Any]) -> tuple[Any, ...]:
    kept: list[Any] = []
    for value in values:
        if any(type(value) is type(other) and value == other for other in kept):
            raise ScenarioError([refuse(path, value, "given once")])
        kept.append(value)
    return tuple(kept)


def takes_integers(key: str) -> bool:
    """Whether a key of a scenario takes integers only."""
    plain = re.sub(r"^(arms|cases)\.(\"[^\"]*\"|[^.]+)\.", "", re.sub(r"\[(\d+)\]", r".\1", key))
    path = re.sub(r"\.\d+\.", "[].", plain)
    return any(known.path == path and known.allowed.startswith("an integer") for known in all_keys())
