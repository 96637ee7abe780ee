"""Schedules of servers' faults, as Hypothesis draws and shrinks them: few, mild, of few servers, short, early."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from ..scenario import Scenario
from ..scenario.faults import AT_SERVERS, FAULTS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Schedule = list[dict[str, Any]]  # tables of [[faults]], in order of their starts

# Shares of the measured time: there is some of it before the first fault, and after the last one.
FIRST, LAST, LONGEST = 0.1, 0.5, 0.25
BLOCKS = 8  # of servers in a row, equally many each: more servers than that are hit in blocks
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
    """Return the strategy for schedules within bounds.

    All faults are drawn, with all keys, and then some taken: whatever is left out when a schedule is made smaller,
    each other choice keeps its place and its meaning. Hypothesis would not take a fault out of a list of them.
    """
    from hypothesis import strategies as st

    faults = st.composite(_fault)(bounds)
    numbers = [taken for size in range(bounds.faults) for taken in combinations(range(bounds.faults), size + 1)]
    drawn = st.tuples(st.sampled_from(numbers), st.tuples(*[faults] * bounds.faults))
    return drawn.map(lambda both: _in_order([both[1][number] for number in both[0]]))


def _in_order(faults: Schedule) -> Schedule:
    return sorted(faults, key=lambda fault: (fault["start_s"], repr(fault)))


Draw = Callable[[Any], Any]


def _fault(draw: Draw, bounds: Bounds) -> dict[str, Any]:
    """Draw a fault; what is drawn first is made as small as can be first."""
    from hypothesis import strategies as st

    kind = draw(st.sampled_from(AT_SERVERS))
    servers = _servers(draw, bounds.servers)
    duration_s = float(draw(st.integers(1, bounds.longest_s)))
    start_s = float(draw(st.integers(bounds.first_s, bounds.last_s)))
    own = {key: drawn(draw, bounds) for key, drawn in OWN.items()}
    return {
        "kind": kind,
        "servers": servers if len(servers) < bounds.servers else "all",
        "duration_s": duration_s,
        "start_s": start_s,
        **{key: value for key, value in own.items() if key in FAULTS[kind].model_fields},
    }


def _servers(draw: Draw, count: int) -> list[int]:
    """Draw some of the blocks that servers in a row make; none of them means the first.

    Most are drawn: many servers break more, and few are what shrinking is for.
    """
    from hypothesis import strategies as st

    blocks, is_hit = min(count, BLOCKS), st.sampled_from((False, True, True, True))
    taken = {block for block in range(blocks) if draw(is_hit)} or {0}
    return [server for server in range(count) if server * blocks // count in taken]


def _factor(draw: Draw, _: Bounds) -> float:
    from hypothesis import strategies as st

    return float(draw(st.integers(2, FACTOR_MAX)))


def _probability(draw: Draw, _: Bounds) -> float:
    from hypothesis import strategies as st

    return float(draw(st.integers(1, 100))) / 100


def _clients(draw: Draw, bounds: Bounds) -> list[int]:
    from hypothesis import strategies as st

    length = draw(st.integers(1, bounds.clients))
    first = draw(st.integers(0, bounds.clients - length))
    return [first, first + length - 1]


# The keys that only some kinds have.
OWN: Mapping[str, Callable[[Draw, Bounds], Any]] = {
    "factor": _factor,
    "probability": _probability,
    "clients": _clients,
}
