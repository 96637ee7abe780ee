"""What a scenario must keep to when a real server replaces the model's: what it cannot do is refused."""

from collections.abc import Iterator, Mapping
from typing import Any

from .facts import Facts
from .faults import FAULTS
from .wording import one_of, refuse, show

# What each key must be, and why.
ONLY: Mapping[str, tuple[Any, str]] = {
    "run.clock": ("wall", "a real server takes real time"),
    "servers.service_ms": (0.0, "it takes the time that it takes"),
    "servers.queue_limit": (0, "it turns nobody away"),
    "servers.failover_ttl_s": (0.0, "it counts on where its leases were"),
    "clients.connection": ("none", "its clients share one connection"),
}
ONLY_OF_PRODUCT: Mapping[str, tuple[Any, str]] = {
    "max_per_client": (0, "it knows no shares"),
    "reserve": (None, "it knows no shares"),
}
OTHER_FAULTS = [kind for kind in FAULTS if kind != "slow"]
LONGEST_S = 2**53 // 10**9  # Redis has times as doubles: ns beyond this are no longer apart


def backend_can_decide(facts: Facts) -> Iterator[str]:
    """Yield an error for each value that a real server has no use for."""
    if facts["servers.backend"] == "own":
        return
    while_it = f"while servers.backend = {show(facts['servers.backend'])}"
    for key, (only, why) in ONLY.items():
        if facts[key] != only:
            yield refuse(key, facts[key], f"{show(only)} {while_it}: {why}")
    for index, product in enumerate(facts["products"]):
        for key, (only, why) in ONLY_OF_PRODUCT.items():
            if product[key] != only:
                word = "left out" if only is None else show(only)
                yield refuse(f"products[{index}].{key}", product[key], f"{word} {while_it}: {why}")
    for index, fault in enumerate(facts["faults"]):
        if fault["kind"] == "slow":
            yield refuse(
                f"faults[{index}].kind", "slow", f"{one_of(OTHER_FAULTS)} {while_it}: it is as fast as it is"
            )
    yield from _policies_are_its_own(facts, while_it)


def _policies_are_its_own(facts: Facts, while_it: str) -> Iterator[str]:
    choice = facts["policies.admission"]
    if choice.name != "fifo":
        yield refuse(
            "policies.admission.name", choice.name, f'"fifo" {while_it}: it serves in order and turns nobody away'
        )
    if getattr(facts["resolved.denial"].policy, "is_called_back", False):
        name = facts["policies.denial"].name
        yield refuse("policies.denial.name", name, f"one that awaits no callback {while_it}: it calls nobody")
    if facts["servers.backend"] == "redis":
        yield from _times_are_apart(facts["run.warmup_s"], facts["run.duration_s"], while_it)


def _times_are_apart(warmup_s: float, duration_s: float, while_it: str) -> Iterator[str]:
    why = f"{while_it}: it keeps times as doubles of ns"
    if warmup_s >= LONGEST_S:
        yield refuse("run.warmup_s", warmup_s, f"less than {LONGEST_S} {why}")
    elif warmup_s + duration_s > LONGEST_S:
        yield refuse("run.duration_s", duration_s, f"at most {show(LONGEST_S - warmup_s)} {why}")
