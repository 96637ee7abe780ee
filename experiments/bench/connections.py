"""Real TCP connections to a server that is killed and started again: how long until all its clients are back.

Two processes on the loopback: this one has the clients; the server (tcp_server.py) is killed with SIGKILL and,
after a while, started again. A client that loses its connection, is refused or hears nothing for a time-out waits
as its policy says. It counts as back once the server has answered it, not once the kernel has accepted its
connection.
"""

import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple

from meterstorm.policies.failover import POLICIES, REFUSED, RESET, TIMED_OUT, Link
from rich.console import Console
from rich.table import Table

from .tcp_server import ANSWER_BYTES, raise_limit

BACKLOGS = 128, 4096
BASE_S, CAP_S = 0.25, 2.0
JITTER = {"none": "capped-exponential", "full": "full-jitter"}
TIMEOUT_S = 5.0
AWAY_S = 1.0
LONGEST_S = 60.0  # that all may take to be there, or to be back
SPARE_FILES = 200
FIRST_A_SECOND = 5000  # clients that connect before the kill
AT_ONCE = 100  # attempts between two looks at what has come
TURN_S = 0.005
SERVER, ANSWERED = -1, -1  # in place of a client's number, and of its failures
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
LONGEST_QUEUE = Path("/proc/sys/net/core/somaxconn")
NETWORK = Path("/proc/net/netstat")
HEADINGS = (
    "listen queue",
    "jitter",
    "all back",
    "half back",
    "CPU",
    "attempts",
    "refused",
    "timed out",
    "overflows",
)


class ConnectionsError(Exception):
    """The machine cannot hold that many connections, or they were not back within LONGEST_S."""


class Back(NamedTuple):
    """How clients came back to a server that was killed."""

    backlog: int
    jitter: str
    clients: int
    back_s: Sequence[float]  # from when the server listened again: each client's, in order
    numbers: Sequence[int]  # which of the connections that it answered each was, in the same order
    cpu_s: tuple[float, float]  # of the clients from the kill on, and of the server's second process
    counts: Counter[str]  # resets, attempts after the kill, refused, timed_out
    overflows: int  # of listen queues, of the whole machine meanwhile


def check(clients: int, backlogs: Sequence[int] = BACKLOGS) -> None:
    """Raise ConnectionsError where a limit of this machine is in the way."""
    files = raise_limit()
    if clients + SPARE_FILES > files:
        raise ConnectionsError(
            f"{clients:,} connections need {clients + SPARE_FILES:,} files; ulimit -n is {files:,}"
        )
    low, high = map(int, PORTS.read_text().split())
    if 2 * clients > high - low:
        words = f"at most half of the {high - low:,} ports of {PORTS}"
        raise ConnectionsError(f"{clients:,} connections: must be {words}: those of the lost ones are still taken")
    longest = int(LONGEST_QUEUE.read_text())
    if max(backlogs) > longest:
        raise ConnectionsError(
            f"a listen queue of {max(backlogs):,}: at most {longest:,}, as {LONGEST_QUEUE} has it"
        )


def cells(clients: int, on_progress: Callable[[float], None]) -> Iterator[Back]:
    """Kill a server once for each listen queue and policy; raises ConnectionsError."""
    check(clients)
    plan = [(backlog, jitter) for backlog in BACKLOGS for jitter in JITTER]
    for done, (backlog, jitter) in enumerate(plan):
        on_progress(done)
        yield come_back(clients, backlog, jitter)


def come_back(clients: int, backlog: int, jitter: str, away_s: float = AWAY_S) -> Back:
    """Have clients connect, kill their server, start it again after `away_s`, and wait until all are back."""
    crowd = _Crowd(clients, backlog, jitter)
    try:
        return crowd.come_back(away_s)
    finally:
        crowd.close()


class _Crowd:
    """The clients of one server, by their numbers, in one loop."""

    def __init__(self, clients: int, backlog: int, jitter: str) -> None:
        self._clients, self._backlog, self._jitter = clients, backlog, jitter
        self._policy: Any = POLICIES[JITTER[jitter]](base_s=BASE_S, cap_s=CAP_S)
        self._draws = random.Random(clients)
        self._socks: list[socket.socket | None] = [None] * clients
        self._failures = [0] * clients
        self._tries = [0] * clients
        begin_s = time.monotonic()
        self._due = [
            (begin_s + n / FIRST_A_SECOND, n) for n in range(clients)
        ]  # a heap: when whose next attempt is
        self._awaited: deque[tuple[float, int, int]] = deque()  # until when, whose, which of its tries
        self._answered: list[tuple[float, int]] = []  # when (s), and as which of the server's connections
        self._counts: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._server = _start(0, backlog)
        self._port = _port(self._server)

    def come_back(self, away_s: float) -> Back:
        """Connect all, lose them, and have them back."""
        self._go_on(self._are_there)
        overflows, cpu_s = _overflows(), time.process_time()
        self._counts.clear()
        self._answered = []
        _end(self._server)
        until_s = time.monotonic() + away_s
        self._go_on(lambda: time.monotonic() >= until_s)
        listens_s = self._restart()
        self._go_on(self._are_there)
        used_s, server_s = time.process_time() - cpu_s, _end(self._server)
        back = sorted(self._answered)
        return Back(
            self._backlog, self._jitter, self._clients, [at_s - listens_s for at_s, _ in back],
            [number for _, number in back], (used_s, server_s), self._counts, _overflows() - overflows,
        )  # fmt: skip

    def close(self) -> None:
        """End all that is left."""
        if self._server.returncode is None:
            _end(self._server)
        for sock in filter(None, self._socks):
            sock.close()
        self._selector.close()

    def _are_there(self) -> bool:
        return len(self._answered) >= self._clients

    def _restart(self) -> float:
        """Start the server again while clients go on, and return when it listens."""
        self._server = _start(self._port, self._backlog)
        assert self._server.stdout is not None
        self._selector.register(self._server.stdout, selectors.EVENT_READ, SERVER)
        self._listens_s = 0.0
        self._go_on(lambda: self._listens_s > 0)
        return self._listens_s

    def _go_on(self, is_over: Callable[[], bool]) -> None:
        """Have clients do what they do until something is so; raises ConnectionsError."""
        until_s = time.monotonic() + LONGEST_S
        while not is_over():
            now_s = time.monotonic()
            if now_s >= until_s:
                there = f"{len(self._answered):,} of {self._clients:,} clients"
                raise ConnectionsError(f"only {there} had an answer after {LONGEST_S:g} s")
            self._expire(now_s)
            self._ask_again(now_s)
            for key, _ in self._selector.select(TURN_S):
                if key.data == SERVER:
                    self._selector.unregister(key.fileobj)
                    _port(self._server)
                    self._listens_s = time.monotonic()
                else:
                    self._serve(key.data)

    def _expire(self, now_s: float) -> None:
        """Give up what has had no answer for a time-out."""
        while self._awaited and self._awaited[0][0] <= now_s:
            _, n, number = self._awaited.popleft()
            if number == self._tries[n]:  # neither answered nor refused
                self._fail(n, TIMED_OUT, "timed_out")

    def _ask_again(self, now_s: float) -> None:
        """Connect all that are due, but not so many at once that answers have to wait."""
        for _ in range(AT_ONCE):
            if not self._due or self._due[0][0] > now_s:
                return
            self._connect(heappop(self._due)[1])

    def _connect(self, n: int) -> None:
        self._counts["attempts"] += 1
        sock = self._socks[n] = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", self._port))
        self._selector.register(sock, selectors.EVENT_WRITE, n)
        self._awaited.append((time.monotonic() + TIMEOUT_S, n, self._tries[n]))

    def _serve(self, n: int) -> None:
        """Ask when a connection is there, note the answer, and notice its end."""
        sock = self._socks[n]
        assert sock is not None
        is_answered = self._failures[n] < 0
        try:
            if self._selector.get_key(sock).events == selectors.EVENT_WRITE:
                sock.send(b"?")
                self._selector.modify(sock, selectors.EVENT_READ, n)
            elif answer := sock.recv(ANSWER_BYTES):
                self._note(n, int.from_bytes(answer, "big"))
            else:
                raise ConnectionResetError
        except OSError:
            self._fail(n, RESET if is_answered else REFUSED, "resets" if is_answered else "refused")

    def _note(self, n: int, number: int) -> None:
        self._answered.append((time.monotonic(), number))
        self._failures[n] = ANSWERED
        self._tries[n] += 1

    def _fail(self, n: int, kind: int, name: str) -> None:
        """Have a client connect again when its policy says."""
        sock = self._socks[n]
        assert sock is not None
        self._selector.unregister(sock)
        sock.close()
        self._socks[n] = None
        self._counts[name] += 1
        self._tries[n] += 1
        self._failures[n] = max(self._failures[n], 0) + 1
        decision = self._policy.on_failure(_link(kind, self._failures[n]), (), self._draws.random())
        heappush(self._due, (time.monotonic() + decision.delay_s, n))


def _link(kind: int, failures: int) -> Link:
    """Return what a client's policy knows: one server, which failed so often in a row."""
    return Link(time.monotonic(), kind, 0.0, failures, failures, 0, 1, 1)


def _start(port: int, backlog: int) -> "subprocess.Popen[str]":
    """Start a server; it has a line for us when it listens, and ends when this process has ended."""
    program = Path(__file__).with_name("tcp_server.py")
    words = [sys.executable, "-I", "-S", str(program), str(port), str(backlog)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _port(server: "subprocess.Popen[str]") -> int:
    """Wait until a server listens, and return its port."""
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        raise ConnectionsError(f"the server has ended, with status {server.wait()}")
    return int(line)


def _end(server: "subprocess.Popen[str]") -> float:
    """Kill a server, and return the CPU time that it has used, s."""
    server.send_signal(signal.SIGKILL)
    _, status, used = os.wait4(server.pid, 0)
    server.returncode = os.waitstatus_to_exitcode(status)
    for pipe in (server.stdin, server.stdout):
        if pipe:
            pipe.close()
    return used.ru_utime + used.ru_stime


def _overflows() -> int:
    """Return how often a listen queue of this machine was full so far."""
    heads, values = (line.split() for line in NETWORK.read_text().splitlines()[:2])
    return int(values[heads.index("ListenOverflows")])


def show(console: Console, found: Sequence[Back]) -> None:
    """Print a row for each listen queue and policy."""
    table = Table()
    for name in HEADINGS:
        table.add_column(name, justify="right")
    for one in found:
        clients_s, server_s = one.cpu_s
        table.add_row(
            f"{one.backlog:,}", one.jitter, f"{one.back_s[-1]:.2f} s", f"{one.back_s[len(one.back_s) // 2]:.2f} s",
            f"{clients_s:.2f} + {server_s:.2f} s",
            *(f"{one.counts[name]:,}" for name in ("attempts", "refused", "timed_out")), f"{one.overflows:,}",
        )  # fmt: skip
    console.print(table)
