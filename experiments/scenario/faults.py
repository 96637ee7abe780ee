"""The kinds of faults: a table of the file for each, and what each kind does."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from .values import (
    Allowed,
    ClientRange,
    Count,
    Fraction,
    Positive,
    PositiveSeconds,
    Probability,
    Seconds,
    Table,
    Times,
    Whole,
)

DEFAULT_KIND: Literal["unreachable"] = "unreachable"
KINDS = {
    "unreachable": "Messages to and from the servers are lost when the fault holds as they are sent or as they "
    "arrive; the servers work on, and clients time out.",
    "refusing": "Whatever would be answered is refused at once: it fails after one round trip. Releases are lost.",
    "crash": "As refusing while it lasts; the queue and all connections are lost, and so are the leases unless "
    "servers.durable.",
    "slow": "Service takes `factor` times as long, where it starts while the fault holds.",
    "loss": "Messages to and from the servers are lost with `probability`.",
    "cut": "The servers are unreachable for some clients only.",
    "stall": "The servers stand still: what arrives waits in their queues, unrefused; then they work on.",
    "client-crash": "Clients crash, not servers: their programs end in silence, and their leases become ghosts; "
    "they hear nothing while it lasts, and are back with nothing in memory.",
}


ServerIds = Annotated[
    Literal["all"] | tuple[Whole, ...] | Fraction,
    Allowed('"all", a list of server ids (integers >= 0) or { fraction = f } with 0 < f <= 1'),
]
_SOME = "[first, last], two client ids >= 0, { fraction = f } with 0 < f <= 1, or { group = name }"
SomeClients = Annotated[ClientRange, Allowed(_SOME)]
ClientIds = Annotated[Literal["all"] | ClientRange, Allowed(f'"all", {_SOME}')]
Kind = Literal["unreachable", "refusing", "crash", "slow", "loss", "cut", "stall", "client-crash"]
Sharers = Literal["server", "site", "all"]


class OfAKind(Table):
    """What happens."""

    model_config = ConfigDict(extra="ignore")  # the keys of an unknown kind are unknown, too
    kind: Annotated[Kind, Allowed()] = Field(default=DEFAULT_KIND, description="What goes wrong.")


class AtServers(Table):
    """To whom it happens, if not to clients."""

    servers: ServerIds = Field(
        default=(0,), description="The servers that it happens to; crashes of clients have none."
    )


class AtTimes(Table):
    """When it happens."""

    start_s: Seconds = Field(default=3600.0, description="Its start, from the end of the warm-up.")
    duration_s: PositiveSeconds = Field(default=600.0, description="How long it lasts.")
    repeat_s: Seconds = Field(default=0.0, description="Time from one start to the next; 0: it happens once.")
    repeats: Count = Field(default=1, description="How often it happens, if repeat_s > 0.")
    stagger_s: Seconds = Field(
        default=0.0,
        description="Time from its start at one server (or client) to that at the next: a rolling restart.",
    )
    mtbf_s: Seconds = Field(
        default=0.0,
        description="Mean of the exponential time from start_s, and from each end, to the next start; "
        "0: it starts at start_s.",
    )
    mttr_s: Seconds = Field(
        default=0.0,
        description="Mean of its exponential duration, in the place of duration_s; 0: that is constant.",
    )

    @model_serializer(mode="wrap")
    def _as_a_file_has_it(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return every key but a duration in whose place another one is drawn."""
        found: dict[str, Any] = inner(self)
        return {key: value for key, value in found.items() if key != "duration_s" or self.mttr_s == 0}


class Fault(AtTimes, AtServers, OfAKind):
    """What happens to servers (or clients) for a while, and may happen again."""

    drawn_by: Annotated[Sharers, Allowed()] = Field(
        default="server", description="Who draws: each server, each site for all of its servers, or all at once."
    )


class Outage(Fault, extra="forbid"):
    """Servers that time out, refuse, crash, or stall."""

    kind: Literal["unreachable", "refusing", "crash", "stall"] = Field(
        default=DEFAULT_KIND, description="What goes wrong."
    )


class Slow(Fault, extra="forbid"):
    """Servers whose service takes `factor` times as long."""

    kind: Literal["slow"] = Field(description="What goes wrong.")
    factor: Positive = Field(description="How many times as long service takes.", examples=[10])


class Lossy(Fault, extra="forbid"):
    """Servers whose messages are lost with a probability."""

    kind: Literal["loss"] = Field(description="What goes wrong.")
    probability: Probability = Field(
        description="Probability that a message is lost, beside network.loss.",
        examples=[0.1],
    )


class Cut(Fault, extra="forbid"):
    """Servers cut off from some clients."""

    kind: Literal["cut"] = Field(description="What goes wrong.")
    clients: SomeClients = Field(
        description="The clients that are cut off: the first and the last of them, the first share, or a group.",
        examples=[[0, 99]],
    )


class ClientCrash(AtTimes, OfAKind, extra="forbid"):
    """Clients that crash. Each draws for itself."""

    kind: Literal["client-crash"] = Field(description="What goes wrong.")
    clients: ClientIds = Field(
        default="all", description="The clients that crash; those of a group in order of their ids."
    )
    restart: Annotated[Literal["none", "all"], Allowed()] = Field(
        default="none", description="Which of the programs that ran users start again when their client is back."
    )
    restart_delay_s: Seconds = Field(
        default=0.0, description="Mean time from then until such a program is started; each has its own."
    )
    restart_delay: Times = Field(default="constant", description="Distribution of that time.")
    restart_delay_cv: Positive = Field(
        default=1.0, description="Its coefficient of variation, if lognormal or gamma."
    )


FAULTS: dict[str, type[Fault | ClientCrash]] = {
    **dict.fromkeys(("unreachable", "refusing", "crash", "stall"), Outage),
    "slow": Slow,
    "loss": Lossy,
    "cut": Cut,
    "client-crash": ClientCrash,
}
AT_SERVERS = tuple(kind for kind, fault in FAULTS.items() if issubclass(fault, Fault))


def _with_kind(value: object) -> object:
    return {"kind": DEFAULT_KIND, **value} if isinstance(value, dict) else value


AnyFault = Annotated[
    Annotated[Outage | Slow | Lossy | Cut | ClientCrash, Field(discriminator="kind")], BeforeValidator(_with_kind)
]
