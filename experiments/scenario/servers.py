"""The table of the metering servers."""

from typing import Annotated, Literal

from pydantic import Field

from .values import (
    Allowed,
    Count,
    Flag,
    Milliseconds,
    Number,
    PositiveSeconds,
    Seconds,
    Spread,
    Table,
    Weights,
    Whole,
)


class Servers(Table):
    """The metering servers, all alike.

    They are dealt to the sites in order of number, equally many to each, and so are the clients, as evenly as
    possible. Each site has a site server that balances its own servers' licenses. A denial's cause and imbalance
    are those of a site. `count`, `split`, `clients.count` and `products.licenses` are totals of all sites.
    """

    count: Count = Field(default=4, description="Number of servers at all sites; a multiple of sites.")
    sites: Count = Field(default=1, description="Number of sites that servers, clients and licenses are dealt to.")
    service_ms: Milliseconds = Field(
        default=200.0, description="Mean time to handle one message of a client; 0: it takes no time."
    )
    service: Spread = Field(default="constant", description="Distribution of service times.")
    queue_limit: Whole = Field(
        default=0,
        description="Requests that may wait; when full, one is answered OVERLOADED at once. Releases and "
        "heartbeats neither count nor are refused. 0: no limit.",
    )
    backend: Annotated[Literal["own", "redis", "etcd", "postgres"], Allowed()] = Field(
        default="own",
        description="Who decides: the servers of the model, or for each a real redis-server, etcd or PostgreSQL "
        'that the run starts, kills and stops; it needs run.clock = "wall" and the extra `real`.',
    )
    durable: Flag = Field(default=True, description="Whether leases survive a crash.")
    heartbeat_cost: Number = Field(
        default=1.0, description="Service time of a heartbeat, as a share of service_ms."
    )
    release_cost: Number = Field(default=1.0, description="Service time of a release, as a share of service_ms.")
    connect_cost: Number = Field(
        default=1.0, description="Service time to accept a connection, as a share of service_ms."
    )
    backlog: Whole = Field(
        default=0,
        description="Connections that may wait to be accepted; when full, one more is dropped in silence, and its "
        "client's network asks again. 0: no limit.",
    )
    on_lost_connection: Annotated[Literal["keep", "free"], Allowed()] = Field(
        default="keep",
        description="What a server does with the leases of a client whose connection to it is lost: closed by a "
        "client that moves or crashes, silent for as many keep-alives as for the client, or gone in its own "
        "crash. Where they are freed, users of the client who wait to be called back wait no more.",
    )
    connection_grace_s: Seconds = Field(
        default=0.0,
        description="Time, from the loss or the end of the crash, in which a client may connect again and keep "
        "its leases.",
    )
    reclaim_after_s: Seconds = Field(
        default=7200.0, description="A lease not heard of for this long is reclaimed by the next scan; 0: never."
    )
    failover_ttl_s: Seconds = Field(
        default=0.0,
        description="After a crash that leases survive none is reclaimed for this long, whenever it was heard of. "
        "Nomad: 300 (failover_heartbeat_ttl); etcd counts the time to live anew: as reclaim_after_s.",
    )
    scan_s: PositiveSeconds = Field(default=7200.0, description="Time between two scans for leases to reclaim.")
    split: Annotated[Literal["even"] | Weights, Allowed('"even" or a list of weights, numbers >= 0')] = Field(
        default="even",
        description="How each product's licenses start out over the servers: evenly, or by weights.",
    )
    quorum: Whole = Field(
        default=0,
        description="How many servers of a site must be up, neither crashed nor unreachable, for any of them to "
        "serve: while fewer are, all refuse. 0: each serves by itself. FlexNet's three servers: 2, with the "
        "balancing policy `shared-pool`.",
    )
    tenure_s: Seconds = Field(
        default=0.0,
        description="How long a server may use its licenses without word from its site server, which renews that "
        "in each balancing cycle in which the server reports. When it is over its leases end, it grants none, and "
        "its licenses are shared out anew in the next cycle. 0: for ever.",
    )
    callback_grace_s: PositiveSeconds = Field(
        default=60.0, description="A freed license stays reserved for the user called back for this long."
    )
    callback_cycle_s: Seconds = Field(
        default=0.0,
        description="A user called back within this time of the denial is denied again: the defect of KB Q226823, "
        "where a site server's cycle is 900 s. 0: never.",
    )
