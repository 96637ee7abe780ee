"""What must hold of connections."""

from collections.abc import Iterator, Mapping
from typing import Any

from .facts import Facts
from .wording import refuse, show

# What has an effect with connections, with keep-alives and where leases are freed only, and its default.
WITH_CONNECTIONS = {
    "servers.connect_cost": 1.0,
    "servers.backlog": 0,
    "servers.on_lost_connection": "keep",
    "clients.keepalive_s": 0.0,
}
WITH_KEEPALIVES = {"clients.keepalive_misses": 3}
WITH_FREEING = {"servers.connection_grace_s": 0.0}


def connections_are_kept(facts: Facts) -> Iterator[str]:
    """Yield an error for each key that is set but has no effect."""
    if facts["clients.connection"] == "none":
        yield from _in_vain(WITH_CONNECTIONS, "clients.connection", facts)
    if facts["clients.keepalive_s"] == 0:
        yield from _in_vain(WITH_KEEPALIVES, "clients.keepalive_s", facts)
    if facts["servers.on_lost_connection"] == "keep":
        yield from _in_vain(WITH_FREEING, "servers.on_lost_connection", facts)


def _in_vain(defaults: Mapping[str, Any], reason: str, facts: Facts) -> Iterator[str]:
    for key, default in defaults.items():
        if facts[key] != default:
            yield refuse(key, facts[key], f"{show(default)} while {reason} = {show(facts[reason])}")
