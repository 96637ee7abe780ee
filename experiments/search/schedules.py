"""Schedules of faults, as Hypothesis draws and shrinks them: few of them, mild, of few servers, short, early."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..scenario import Scenario
from ..scenario.faults import FAULTS, KINDS, Fault

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Schedule = list[dict[str, Any]]  # tables of [[faults]], in order of their starts

# Shares of the measured time: there is some of it before the first fault, and after the last one.
FIRST, LAST, LONGEST = 0.1, 0.5, 0.25
FACTOR_MAX = 100  # times as long as service takes


class Bounds(NamedTuple):
    """What a schedule may be at most; times are whole seconds."""

    faults: int
    servers: int
    clients: int
    first_s: int  # start
    last_s: int
    longest_s: int


def bounds_of(scenario: Scenario, faults: int) -> Bounds:
    """Return the bounds of the schedules for a scenario."""
    first_s, last_s, longest_s = (int(scenario.run.duration_s * share) for share in (FIRST, LAST, LONGEST))
    servers, clients = scenario.servers.count, scenario.clients.count
    return Bounds(faults, servers, clients, first_s, last_s, max(1, longest_s))


def schedules(bounds: Bounds) -> "SearchStrategy[Schedule]":
    """Return the strategy for schedules within bounds."""
    from hypothesis import strategies as st

    faults = st.composite(_fault)(bounds)
    return st.lists(faults, min_size=1, max_size=bounds.faults).map(_in_order)


def _in_order(faults: Schedule) -> Schedule:
    return sorted(faults, key=lambda fault: (fault["start_s"], repr(fault)))


Draw = Callable[[Any], Any]


def _fault(draw: Draw, bounds: Bounds) -> dict[str, Any]:
    """Draw a fault; what is drawn first is made as small as can be first."""
    from hypothesis import strategies as st

    kind = draw(st.sampled_from(tuple(KINDS)))
    own = {key: OWN[key](draw, bounds) for key in FAULTS[kind].model_fields if key not in Fault.model_fields}
    first, last = _range(draw, bounds.servers)
    return {
        "kind": kind,
        "servers": "all" if (first, last) == (0, bounds.servers - 1) else list(range(first, last + 1)),
        "duration_s": float(draw(st.integers(1, bounds.longest_s))),
        "start_s": float(draw(st.integers(bounds.first_s, bounds.last_s))),
        **own,
    }


def _range(draw: Draw, count: int) -> tuple[int, int]:
    """Draw the first and the last of some that stand in a row."""
    from hypothesis import strategies as st

    length = draw(st.integers(1, count))
    first = draw(st.integers(0, count - length))
    return first, first + length - 1


def _factor(draw: Draw, _: Bounds) -> float:
    from hypothesis import strategies as st

    return float(draw(st.integers(2, FACTOR_MAX)))


def _probability(draw: Draw, _: Bounds) -> float:
    from hypothesis import strategies as st

    return float(draw(st.integers(1, 100))) / 100


def _clients(draw: Draw, bounds: Bounds) -> list[int]:
    return list(_range(draw, bounds.clients))


# The keys that only some kinds have.
OWN: Mapping[str, Callable[[Draw, Bounds], Any]] = {
    "factor": _factor,
    "probability": _probability,
    "clients": _clients,
}
