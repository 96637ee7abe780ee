"""What must hold of each fault."""

from collections.abc import Iterator

from .facts import GIVEN, Facts, ItemRule
from .named_clients import clients_exist
from .wording import refuse, show

REPEATS_MAX = 1_000_000  # of a fault within the run, at all its servers together


def _fault_servers_exist(path: str, fault: Facts, facts: Facts) -> Iterator[str]:
    servers, count = fault["servers"], facts["servers.count"]  # crashes of clients have none
    if not isinstance(servers, tuple):  # "all" or a fraction
        return
    if not servers or len(set(servers)) < len(servers) or max(servers) >= count:
        words = f"a list of one or more distinct ids from 0 to {count - 1} (servers.count = {count})"
        yield refuse(f"{path}.servers", servers, words)


def _fault_clients_exist(path: str, fault: Facts, facts: Facts) -> Iterator[str]:
    yield from clients_exist(f"{path}.clients", fault.get("clients"), facts)


def _fault_ends_before_it_repeats(path: str, fault: Facts, _: Facts) -> Iterator[str]:
    repeat_s, duration_s = fault["repeat_s"], fault["duration_s"]
    if 0 < repeat_s < duration_s and fault["mttr_s"] == 0:
        yield refuse(f"{path}.repeat_s", repeat_s, f"0 or at least duration_s = {show(duration_s)}")


def _fault_repeats_are_bounded(path: str, fault: Facts, facts: Facts) -> Iterator[str]:
    within_s = min(fault["repeats"] * fault["repeat_s"], facts["run.duration_s"] - fault["start_s"])
    yield from _happens_too_often(path, "repeat_s", fault, facts, within_s)


def _fault_draws_are_bounded(path: str, fault: Facts, facts: Facts) -> Iterator[str]:
    yield from _happens_too_often(path, "mtbf_s", fault, facts, facts["run.duration_s"] - fault["start_s"])


def _happens_too_often(path: str, key: str, fault: Facts, facts: Facts, within_s: float) -> Iterator[str]:
    whom, away = _hit(fault, facts)
    if fault[key] > 0 and within_s / fault[key] * away > REPEATS_MAX:
        words = f"at least {within_s * away / REPEATS_MAX:g}: faults happen to {whom} {REPEATS_MAX} times at most"
        yield refuse(f"{path}.{key}", fault[key], words)


def _hit(fault: Facts, facts: Facts) -> tuple[str, int]:
    """Return what a fault hits, servers or clients, and at most how many of them."""
    if fault["kind"] == "client-crash":
        clients, count = fault["clients"], facts["clients.count"]  # of a group or a share: at most all
        return "clients", clients[1] - clients[0] + 1 if isinstance(clients, tuple) else count
    servers = fault["servers"]
    return "servers", len(servers) if isinstance(servers, tuple) else facts["servers.count"]


def _fault_is_drawn_or_planned(path: str, fault: Facts, _: Facts) -> Iterator[str]:
    """Each value is the default where another key takes its place."""
    drawn = [key for key in ("mtbf_s", "mttr_s") if fault[key] > 0]
    if not drawn and fault.get("drawn_by", "server") != "server":
        yield refuse(f"{path}.drawn_by", fault["drawn_by"], '"server", or mtbf_s or mttr_s > 0')
    for key in ("repeat_s", *(("stagger_s",) if fault["mtbf_s"] > 0 else ())):
        if drawn and fault[key] > 0:
            yield refuse(f"{path}.{key}", fault[key], f"0 while {drawn[0]} = {show(fault[drawn[0]])}")


def _no_key_is_in_vain(path: str, fault: Facts, _: Facts) -> Iterator[str]:
    """Yield an error for each key of the times that has no effect beside the others."""
    mttr_s, repeat_s, repeats = (fault[key] for key in ("mttr_s", "repeat_s", "repeats"))
    if mttr_s > 0 and "duration_s" in fault[GIVEN]:
        words = f"left out while mttr_s, the mean of the duration, is {show(mttr_s)}"
        yield refuse(f"{path}.duration_s", fault["duration_s"], words)
    if repeats > 1 and repeat_s == 0:
        yield refuse(f"{path}.repeats", repeats, "1 while repeat_s, the time from start to start, is 0.0")
    if repeat_s > 0 and "repeats" not in fault[GIVEN]:
        yield f"{path}.repeats: missing; with repeat_s = {show(repeat_s)} it must be an integer >= 1"
    servers = fault.get("servers")
    if fault["stagger_s"] > 0 and isinstance(servers, tuple) and len(servers) == 1:
        yield refuse(f"{path}.stagger_s", fault["stagger_s"], f"0 while servers = {show(servers)} is one server")


def _restarts_make_sense(path: str, fault: Facts, facts: Facts) -> Iterator[str]:
    if fault["kind"] != "client-crash":
        return
    restart, delay_s = fault["restart"], fault["restart_delay_s"]
    if restart == "all" and facts["workload.arrivals"] == "trace":
        words = '"none" while workload.arrivals = "trace": a trace has all launches'
        yield refuse(f"{path}.restart", restart, words)
    if restart == "none" and delay_s > 0:
        yield refuse(f"{path}.restart_delay_s", delay_s, '0 while restart = "none"')


FAULT_RULES: tuple[ItemRule, ...] = (
    _fault_servers_exist,
    _fault_clients_exist,
    _fault_ends_before_it_repeats,
    _fault_repeats_are_bounded,
    _fault_draws_are_bounded,
    _fault_is_drawn_or_planned,
    _no_key_is_in_vain,
    _restarts_make_sense,
)
