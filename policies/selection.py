"""Selection policies: which server a client moves to when it fails over.

To write one, define a NamedTuple whose fields are numbers, with a method `next_server(self, choice, u)` that
returns a server's number; `u` is uniform on [0, 1).
"""

from typing import NamedTuple


class Choice(NamedTuple):
    """What a client knows when it must name another server."""

    client: int
    server: int  # the one it leaves
    home: int  # the one it was first assigned to
    servers_tried: int  # changes of server since the last good answer, before this one
    servers: int  # how many there are


class Ring(NamedTuple):
    """The next server by number, and the first after the last: an ordered list walked round."""

    def next_server(self, choice: Choice, u: float) -> int:
        """Return the next number."""
        return (choice.server + 1) % choice.servers


class StickyRandom(NamedTuple):
    """Stay where you are served; when that ends, any of the others alike (SMS 2.0 picks at random, Q199747)."""

    def next_server(self, choice: Choice, u: float) -> int:
        """Return one of the other servers, each with the same chance."""
        step = 1 + int(u * (choice.servers - 1))
        return (choice.server + step) % choice.servers


POLICIES = {"ring": Ring, "sticky-random": StickyRandom}
