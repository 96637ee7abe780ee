"""A client and its slots, as far as the record shows them."""

IDLE, WAITING, METERED, UNMETERED, DENIED = "idle", "waiting", "metered", "unmetered", "denied"
STARTS_AGAIN = "starts again"  # after a crash


class Slot:
    """A user's slot: one launch after the other."""

    def __init__(self, number: int) -> None:
        self.number, self.state = number, IDLE
        self.program: int | None = None  # its number, known from its first message on
        self.launched = 0
        self.running = False
        self.waits = False  # after a denial, until it has what it wanted
        self.is_called = False  # waits to be called back
        self.is_decided = False  # its waiting time is over
        self.holds: int | None = None  # the server of its lease
        self.awaits: tuple[int, int] | None = None  # the server and number of its last request, unless answered
        self.asked = 0  # the number of its last request
        self.reached = False  # whether the server that it awaits has, or will have, one of its requests


class Client:
    """A user's machine and its link."""

    def __init__(self, number: int, programs: int) -> None:
        self.number, self.slots = number, [Slot(n) for n in range(programs)]
        self.server: int | None = None  # known when it matters
        self.flight: int | None = None  # the number of the attempt or heartbeat in flight
        self.offline = self.down = False
        self.waiting = self.unmetered = self.unanswered = 0
        self.connected_at: int | None = None  # when its server answered, if it has a connection
        self.connected_to: tuple[int, int] | None = None  # that server, and the number of the attempt that asked
        self.made = 0  # connections so far
        self.silent_at: int | None = None  # when it loses that for want of answers to keep-alives
        self.heard_from = self.connecting_since = 0  # when it heard of that, and when it asked first
        # The connection that a server may know of, and one of which it is to be told that it is not there.
        self.known: tuple[int, int] | None = None
        self.must_close: tuple[int, int] | None = None
        self.connects_for: tuple[int, int] | None = None  # the slot and program that it last asked for one
        self.is_hit = False  # by a fault, and not served since
