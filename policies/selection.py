"""Selection policies: which server a client moves to when it fails over.

To write one, define a NamedTuple whose fields are numbers, with a method `next_server(self, choice, u)` that
returns a server's number; `u` is uniform on [0, 1).
"""

from typing import NamedTuple

from .compilable import compilable

PRIME = 2**31 - 1


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


class Rendezvous(NamedTuple):
    """Rendezvous hashing: each client has an order of its own of all servers, and goes to the next one in it.

    Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (IEEE/ACM ToN, 1998): the
    order is that of a hash of client and server. Law: the clients that leave a server are spread evenly over all
    others, and who leaves one server is not moved by the fate of another.
    """

    def next_server(self, choice: Choice, u: float) -> int:
        """Return the server with the greatest weight below that of the one left; after the last, the first."""
        left = _weight(choice.client, choice.server)
        first, following = choice.server, -1
        for server in range(choice.servers):
            weight = _weight(choice.client, server)
            if weight > _weight(choice.client, first):
                first = server
            if weight < left and (following < 0 or weight > _weight(choice.client, following)):
                following = server
        return following if following >= 0 else first


@compilable
def _weight(client: int, server: int) -> int:
    """Return a hash of both, from 0 to 2^31 - 2; no two servers have the same one.

    Multiplications modulo the prime 2^31 - 1, with the multipliers of Park and Miller (1988) and L'Ecuyer (1988),
    and a fifth power between them, which is one to one, so that clients have orders of their own.
    """
    mixed = (client * 48271 + 1) % PRIME * 69621 % PRIME
    mixed = (mixed + server + 1) % PRIME
    square = mixed * mixed % PRIME
    return square * square % PRIME * mixed % PRIME * 40692 % PRIME


POLICIES = {"ring": Ring, "sticky-random": StickyRandom, "rendezvous": Rendezvous}
