"""Groups of clients: who is in which, and the scenario as a client has it."""

import math
from fractions import Fraction

TURN = 2**64
STEP = 0x9E3779B97F4A7C15  # of the golden ratio, in parts of a turn


def members(scenario: dict) -> list[int | None]:
    """The number of each client's group, None for the rest: groups take the next clients around the circle."""
    count = scenario["clients"]["count"]
    around = sorted(range(count), key=lambda client: Fraction(client * STEP % TURN, TURN))
    ends = list(_sizes(scenario["groups"], count))
    found: list[int | None] = [None] * count
    first = count - sum(ends)
    for number, size in enumerate(ends):
        for client in around[first : first + size]:
            found[client] = number
        first += size
    return found


def some_clients(named: "str | dict | list[int]", scenario: dict) -> "range | list[int]":
    """The numbers of the clients that a fault hits, or that licenses are reserved for."""
    count = scenario["clients"]["count"]
    if named == "all":
        return range(count)
    if isinstance(named, list | tuple):
        return range(named[0], named[1] + 1)
    if "fraction" in named:
        return range(math.ceil(named["fraction"] * count - 1e-9))
    return [n for n, group in enumerate(members(scenario)) if name_of(scenario, group) == named["group"]]


def name_of(scenario: dict, group: int | None) -> str:
    return "rest" if group is None else scenario["groups"][group]["name"]


def _sizes(groups: list[dict], count: int):
    shares = 0.0
    for group in groups:
        if "count" in group:
            yield group["count"]
        else:
            begin, shares = round_up_halves(shares * count), shares + group["share"]
            yield round_up_halves(shares * count) - begin


def round_up_halves(number: float) -> int:
    return int(number + 0.5 + 1e-9)


def as_set(scenario: dict, group: int | None) -> dict:
    """The scenario as a group has it; what it sets are single keys and whole policies."""
    if group is None:
        return scenario
    own = {table: dict(scenario[table]) for table in ("clients", "workload", "policies")}
    for key, value in scenario["groups"][group]["set"].items():
        table, name = key.split(".")
        own[table][name] = value
    return scenario | own
