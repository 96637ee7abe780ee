"""Selection policies: which server a client moves to when it fails over.

To write one, define a NamedTuple whose fields are numbers, with a method `next_server(self, choice, u)` that
returns a server's number; `u` is uniform on [0, 1).

A policy may remember what servers said, in `memory_per_server` numbers (a class attribute) for each server that it
may name: those of server k start at `k * memory_per_server`, and are zero at the start and after a crash of the
client. Its hook `on_answer(self, choice, memory, u)` is told of each grant and denial that reaches the client; the
method then also takes the memory: `next_server(self, choice, memory, u)`.
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from .compilable import compilable

if TYPE_CHECKING:
    from .failover import Memory

PRIME = 2**31 - 1

# What a policy is asked about: a client that leaves its server, or an answer that has come to it.
LEAVES, ANSWERED = 1, 2
ON_ANSWER = "on_answer"  # the hook that is told of the second
MEMORY_ARGUMENTS = 4  # of a method that takes it: self, choice, memory and u
DRAWS_MAX = 4  # of one random number: among 1,024 servers, 22 bits are left for the last of them


class Choice(NamedTuple):
    """What a client knows when it must name another server, or has an answer to a request."""

    client: int
    server: int  # the one it leaves, or that has answered
    home: int  # the one it was first assigned to
    servers_tried: int  # changes of server since the last good answer, before this one
    servers: int  # how many there are
    kind: int = LEAVES  # or ANSWERED
    now_s: float = 0.0  # since the start of the simulation
    waiting: int = 0  # of an answer: requests that waited at the server as it decided
    is_denial: int = 0  # of an answer: whether it denies
    free: int = 0  # of an answer: licenses of the program's product that were free there, after it


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
    others, and clients of one server are not moved by the failure of another.
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


class TwoChoices(NamedTuple):
    """Draw `draws` of the others, alike and maybe one twice; take the one that last told of the shortest queue.

    Of equals, the first drawn. Who has told nothing, or nothing for `max_age_s`, counts as having no queue: it is
    worth a try. Source: Mitzenmacher, "The power of two choices in randomized load balancing" (IEEE TPDS 12 (10),
    2001). Law: where what was told is fresh, the share of servers with k requests or more tends to
    rho^((d^k - 1) / (d - 1)) at load rho with d draws, and to rho^k with one, which is `sticky-random`. What is
    old may mislead (Mitzenmacher, "How useful is old information?", IEEE TPDS 11 (1), 2000). `draws` is a whole
    number from 1 to 4.
    """

    draws: float = 2
    max_age_s: float = math.inf

    @property
    def memory_per_server(self) -> int:
        """Requests that waited there, and when it told so."""
        return 2

    def next_server(self, choice: Choice, memory: "Memory", u: float) -> int:
        """Return the server with the shortest queue of those drawn, which are the digits of `u`."""
        named, shortest = -1, 0.0
        for _ in range(int(self.draws)):
            u *= choice.servers - 1
            drawn = (choice.server + 1 + int(u)) % choice.servers
            u -= int(u)
            queue = _told_queue(choice, memory, drawn, self.max_age_s)
            if named < 0 or queue < shortest:
                named, shortest = drawn, queue
        return named

    def on_answer(self, choice: Choice, memory: "Memory", u: float) -> None:
        """Note how many wait, and when."""
        _note(choice, memory)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        if self.draws not in range(1, DRAWS_MAX + 1):
            allowed = f"a whole number from 1 to {DRAWS_MAX}"
            raise ValueError(f"draws: {self.draws} is not allowed; it must be {allowed}")


class LeastLoaded(NamedTuple):
    """Take the one of the others that last told of the shortest queue; of equals, any with the same chance.

    Who has told nothing, or nothing for `max_age_s`, counts as having no queue, as with `two-choices`. Source:
    Winston, "Optimality of the shortest line discipline" (J. Appl. Prob. 14 (1), 1977). Law: where what was told
    is fresh, nobody joins a queue that is longer than another; where nothing was told, it is `sticky-random`. What
    is old sends the whole crowd to one server (Mitzenmacher, "How useful is old information?", IEEE TPDS 11 (1),
    2000).
    """

    max_age_s: float = math.inf

    @property
    def memory_per_server(self) -> int:
        """Requests that waited there, and when it told so."""
        return 2

    def next_server(self, choice: Choice, memory: "Memory", u: float) -> int:
        """Return one of the servers with the shortest queue."""
        shortest, equals = math.inf, 0
        for step in range(1, choice.servers):
            queue = _told_queue(choice, memory, (choice.server + step) % choice.servers, self.max_age_s)
            equals = 1 if queue < shortest else equals + (queue == shortest)
            shortest = min(shortest, queue)
        left = int(u * equals)
        for step in range(1, choice.servers):
            other = (choice.server + step) % choice.servers
            if _told_queue(choice, memory, other, self.max_age_s) == shortest:
                if left == 0:
                    return other
                left -= 1
        return choice.server  # there is no other

    def on_answer(self, choice: Choice, memory: "Memory", u: float) -> None:
        """Note how many wait, and when."""
        _note(choice, memory)


@compilable
def _told_queue(choice: Choice, memory: "Memory", server: int, max_age_s: float) -> float:
    """Return how many wait at a server as far as the client was told; 0 where that is older than `max_age_s`."""
    is_old = choice.now_s - memory[2 * server + 1] > max_age_s
    return 0.0 if is_old else memory[2 * server]


@compilable
def _note(choice: Choice, memory: "Memory") -> None:
    """Remember how many wait at the server that has answered, and when it said so."""
    memory[2 * choice.server] = choice.waiting
    memory[2 * choice.server + 1] = choice.now_s


def takes_memory(method: Any) -> bool:
    """Whether a method of a selection policy, as its class has it, takes the memory, too."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_argcount == MEMORY_ARGUMENTS


def is_told(cls: Any) -> bool:
    """Whether a class of selection policies is told of answers."""
    return hasattr(cls, ON_ANSWER)


def memory_size(policy: Any, servers: int) -> int:
    """Return how many numbers a policy remembers for a client that chooses among `servers` servers."""
    return int(getattr(policy, "memory_per_server", 0)) * servers


def ask(policy: Any, choice: Choice, memory: "Memory", u: float) -> Any:
    """Return what a policy names in plain Python; 0 where it is told of an answer."""
    if not is_told(type(policy)):
        return policy.next_server(choice, u)
    if choice.kind == ANSWERED:
        policy.on_answer(choice, memory, u)
        return 0
    return policy.next_server(choice, memory, u)


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


POLICIES = {
    "ring": Ring,
    "sticky-random": StickyRandom,
    "rendezvous": Rendezvous,
    "two-choices": TwoChoices,
    "least-loaded": LeastLoaded,
}
