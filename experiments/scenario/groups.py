"""Groups of clients: a part of the clients, and what these have set that the others have not."""

from typing import Annotated

from pydantic import Field

from .values import Allowed, Count, Name, Overrides, Share, Table

GROUPS_MAX = 100

# What a group may set: settings of a client, of its users, and the policies that it asks.
OF_A_GROUP: dict[str, tuple[str, ...]] = {
    "clients": (
        "failover_to",
        "enforcement",
        "request_timeout_s",
        "heartbeat_s",
        "heartbeat_spread",
        "heartbeat_names_leases",
        "on_lost_lease",
        "offline",
        "rerequest",
        "release_old",
        "deferred_retry_s",
        "failback_moves",
    ),
    "workload": ("launch_interval_s", "launch", "launch_cv", "run_time_s", "run_time", "run_time_cv"),
    "policies": ("failover", "failback", "selection", "denial"),
}


class Group(Table):
    """A part of the clients, with settings of their own; the clients of no group are the `rest`.

    A group has a share of the clients, or a number of them, spread over all: each site, each server and each shard
    has its part of every group. Shares are added up, then rounded: 1/3, 1/3 and 1/3 are all clients.
    """

    name: Name = Field(description='Its name, which no other group has; not "rest".', examples=["upgraded"])
    share: Annotated[Share | None, Allowed("a number > 0 and <= 1")] = Field(
        default=None, description="Its share of the clients; this or count is given."
    )
    count: Annotated[Count | None, Allowed("an integer >= 1")] = Field(
        default=None, description="How many clients it has; this or share is given."
    )
    set: Overrides = Field(
        default={},
        description="Keys that differ for its clients: of clients, workload and policies those that a client may "
        "have for itself.",
    )
