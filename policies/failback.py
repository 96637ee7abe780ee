"""Failback policies: how a client returns to its preferred server, the first one that it was given.

A policy is asked for a plan when a client starts, at each change of server, and when a plan has failed. To
write one, define a NamedTuple whose fields are numbers, with a method `plan(self, place, u)`; `u` is uniform on
[0, 1). With a field `drain_share` above 0, servers drain as `Drain` says.
"""

from typing import NamedTuple

from . import bounds
from .compilable import compilable

# Actions of a plan. The last three take place after the plan's delay.
STAY, ASK_FIRST, WHEN_ASKED, PROBE, MOVE, CHOOSE = 1, 2, 3, 4, 5, 6


class Place(NamedTuple):
    """What a client knows of where it is. Servers are numbered from the first of its own site on."""

    now_s: float  # since the start of the simulation
    client: int
    server: int  # its current one
    preferred: int  # the one it was first assigned to
    servers: int  # how many there are
    plans: int  # made since it came to this server, before this one


class Plan(NamedTuple):
    """What to do, and after how many seconds."""

    action: int
    delay_s: float


@compilable
def stay() -> Plan:
    """Stay until a failure."""
    return Plan(STAY, 0.0)


@compilable
def ask_first() -> Plan:
    """At the next launch, go back and ask the preferred server."""
    return Plan(ASK_FIRST, 0.0)


@compilable
def when_asked() -> Plan:
    """Probe the preferred server whenever the current one asks the client to move."""
    return Plan(WHEN_ASKED, 0.0)


@compilable
def probe(delay_s: float) -> Plan:
    """After `delay_s`, ask the preferred server whether it serves; go back when it answers."""
    return Plan(PROBE, float(delay_s))


@compilable
def move(delay_s: float) -> Plan:
    """After `delay_s`, go back without asking."""
    return Plan(MOVE, float(delay_s))


@compilable
def choose(delay_s: float) -> Plan:
    """After `delay_s`, move to the server that the selection policy names."""
    return Plan(CHOOSE, float(delay_s))


class Stay(NamedTuple):
    """Only a failure moves a client: the control arm."""

    def plan(self, place: Place, u: float) -> Plan:
        """Stay."""
        return stay()


class AtNextRequest(NamedTuple):
    """Each launch asks the preferred server first: an ordered license-file list (FlexNet's LM_LICENSE_FILE)."""

    def plan(self, place: Place, u: float) -> Plan:
        """Ask first, when away."""
        return stay() if place.server == place.preferred else ask_first()


class Probe(NamedTuple):
    """Ask the preferred server every `interval_s` + U(0, `jitter_s`), and go back when it answers.

    NGINX Plus and HAProxy check servers that are away like this, by default every 5 s and 2 s.
    """

    interval_s: float = 60.0
    jitter_s: float = 10.0

    def plan(self, place: Place, u: float) -> Plan:
        """Probe, when away."""
        return stay() if place.server == place.preferred else probe(self.interval_s + self.jitter_s * u)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(interval_s=self.interval_s)


class MaxAge(NamedTuple):
    """Leave a server after `max_age_s` (1 +- `jitter`): gRPC's MAX_CONNECTION_AGE, which is spread by 10 %, too.

    With `preferred` = 1 a client that is away then goes back, whether its preferred server answers or not (what
    pick_first does). With 0 every client moves to the server that the selection policy names.
    """

    max_age_s: float = 1800.0
    jitter: float = 0.1
    preferred: float = 1

    def plan(self, place: Place, u: float) -> Plan:
        """Go, once the time is up."""
        age_s = self.max_age_s * (1.0 + self.jitter * (2.0 * u - 1.0))
        if self.preferred == 0:
            return choose(age_s)
        return stay() if place.server == place.preferred else move(age_s)

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        bounds.are_positive(max_age_s=self.max_age_s)
        if self.jitter > 0.5:
            raise ValueError(f"jitter: {self.jitter} is not allowed; it must be in [0, 0.5]")
        if self.preferred not in (0, 1):
            raise ValueError(f"preferred: {self.preferred} is not allowed; it must be 0 or 1")


class Drain(NamedTuple):
    """A server with more clients than its fair share asks some to move; they probe, and go back when answered.

    A server's fair share is the clients that prefer it; it has those of its site that were last heard there. Once
    a second it asks a `drain_share` of the excess, rounded up, of its clients that prefer another server, each in
    turn, and never more than 64: the rate at which Consul's agents leave a server for others
    (newRebalanceConnsPerSecPerServer).
    """

    drain_share: float = 0.05

    def plan(self, place: Place, u: float) -> Plan:
        """Wait to be asked, when away."""
        return stay() if place.server == place.preferred else when_asked()

    def check(self) -> None:
        """Raise ValueError when a parameter is impossible."""
        if not 0 < self.drain_share <= 1:
            raise ValueError(f"drain_share: {self.drain_share} is not allowed; it must be in (0, 1]")


POLICIES = {
    "none": Stay,
    "at-next-request": AtNextRequest,
    "probe": Probe,
    "max-age": MaxAge,
    "drain": Drain,
}
