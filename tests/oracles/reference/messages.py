"""What clients and servers say to each other."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.program import Program

REQUEST, RELEASE, HEARTBEAT, KEPT_RELEASE, PROBE = "request", "release", "heartbeat", "kept release", "probe"
PROBE_ACK = "probe ack"
CONNECT, CONNECTED = "connect", "connected"
GRANT, DENY, ACK, KEPT_ACK, OVERLOADED, REFUSED = "grant", "deny", "ack", "kept ack", "overloaded", "refusals"


class Message:
    """From a client to a server. `token` tells its client which answer is which; `names` are slots."""

    def __init__(
        self, kind: str, client: "Client", program: "Program | None" = None, names: set[int] | None = None
    ):
        self.kind, self.client, self.program, self.names = kind, client, program, names
        self.token = client.token
        self.awaits_callback = kind == REQUEST and client.denials.awaits(program)
        self.started = client.started if kind == HEARTBEAT else 0
        self.unknown: set[int] = set()  # slots that it names and that have no lease, as its server finds
